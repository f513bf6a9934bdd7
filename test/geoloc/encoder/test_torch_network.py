# SPDX-License-Identifier: Apache-2.0
"""Every head works with every kind of backbone, and combinations that do not fit are refused."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from geoloc.encoder import load_card  # noqa: E402
from geoloc.encoder.card import Architecture  # noqa: E402
from geoloc.encoder.torch_backbones import Layout, build_backbone, find_layout  # noqa: E402
from geoloc.encoder.torch_backend import TorchEncoder, ViewEncoder  # noqa: E402
from geoloc.encoder.torch_heads import RingHead, join_parts, ring_numbers  # noqa: E402
from geoloc.errors import ModelError  # noqa: E402

SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"
RESNET = {"backbone": "resnet18", "backbone_args": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]}}
CONVNEXT = {"backbone": "convnext_atto", "backbone_args": {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 24]}}
VIT = {
    "backbone": "vit_tiny_patch16_224",
    "backbone_args": {"depth": 1, "embed_dim": 24, "num_heads": 2, "reg_tokens": 3},
}
SWIN = {
    "backbone": "swin_tiny_patch4_window7_224",
    "backbone_args": {"depths": [1, 1, 1, 1], "embed_dim": 8, "num_heads": [1, 1, 2, 2], "window_size": 2},
}
# name -> architecture, channels, cells of a 64 px view
NETWORKS = {
    "resnet": (RESNET, 16, 2),
    "convnext": (CONVNEXT, 24, 2),
    "vit": (VIT, 24, 4),
    "swin": (SWIN, 64, 2),
}


def _architecture(network, **more):
    return Architecture(**{"input_px": 64, "descriptor_size": 16, "head_channels": 4, **network, **more})


def _views(side=64):
    return torch.randint(
        0, 256, (3, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("head", ["grid", "pool", "both", "gap", "rings"])
def test_every_head_works_with_every_kind_of_backbone(name, head):
    network, channels, _ = NETWORKS[name]
    size = channels if head == "gap" else 16
    torch.manual_seed(1)
    encoder = ViewEncoder(_architecture(network, head=head, descriptor_size=size)).eval()
    with torch.no_grad():
        described = encoder(_views())
    assert described.shape == (3, size)
    torch.testing.assert_close(described.norm(dim=1), torch.ones(3))
    assert (described[0] - described[1]).abs().max() > 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_features_are_a_square_map_of_the_backbone(name):
    network, channels, cells = NETWORKS[name]
    encoder = ViewEncoder(_architecture(network)).eval()
    with torch.no_grad():
        assert encoder.features(_views()).shape == (3, channels, cells, cells)


def test_tokens_become_cells_and_prefixes_are_dropped():
    tokens = torch.arange(7.0)[None, :, None].expand(2, 7, 5)  # three prefix tokens, then 2 x 2 cells
    arranged = Layout("tokens", channels=5, cells=2, prefix=3).arrange(tokens)
    assert arranged.shape == (2, 5, 2, 2)
    assert arranged[0, 0].tolist() == [[3, 4], [5, 6]]


def test_the_prefix_of_a_transformer_is_found():
    layout = find_layout(build_backbone(_architecture(VIT)), _architecture(VIT))
    assert layout == Layout("tokens", 24, 4, prefix=4)  # a class token and three registers


def test_channels_last_become_channels_first():
    features = torch.arange(24.0).reshape(1, 2, 2, 6)
    arranged = Layout("channels_last", 6, 2).arrange(features)
    assert torch.equal(arranged[0, :, 1, 0], features[0, 1, 0])


def test_gap_is_the_feature_that_timm_pools():
    encoder = ViewEncoder(_architecture(CONVNEXT, head="gap", descriptor_size=24)).eval()
    with torch.no_grad():
        backbone = encoder.backbone
        pooled = backbone.head.norm(
            backbone.forward_features(encoder.normalise(_views())).mean((2, 3), True)
        ).flatten(1)
        torch.testing.assert_close(encoder(_views()), torch.nn.functional.normalize(pooled, dim=1))


def test_finding_the_layout_leaves_a_new_network_untouched():
    encoder = ViewEncoder(_architecture(RESNET))
    assert encoder.backbone.bn1.num_batches_tracked == 0
    assert all(module.training for module in encoder.modules())


def test_rings_partition_a_map_of_eight_cells():
    expected = [
        [3, 3, 3, 3, 3, 3, 3, 3],
        [3, 2, 2, 2, 2, 2, 2, 3],
        [3, 2, 1, 1, 1, 1, 2, 3],
        [3, 2, 1, 0, 0, 1, 2, 3],
        [3, 2, 1, 0, 0, 1, 2, 3],
        [3, 2, 1, 1, 1, 1, 2, 3],
        [3, 2, 2, 2, 2, 2, 2, 3],
        [3, 3, 3, 3, 3, 3, 3, 3],
    ]
    assert ring_numbers(8, 4).tolist() == expected


@pytest.mark.parametrize(("cells", "rings"), [(7, 4), (9, 4), (16, 4), (11, 3), (12, 2), (5, 1)])
def test_every_ring_has_cells_and_lies_around_the_one_before(cells, rings):
    numbers = ring_numbers(cells, rings)
    assert sorted(set(numbers.flatten().tolist())) == list(range(rings))
    middle = numbers[cells // 2, cells // 2 :]
    assert (middle.diff() >= 0).all()
    assert torch.equal(numbers, numbers.rot90())


def test_a_ring_is_averaged_over_its_own_cells_alone():
    head = RingHead(_architecture(RESNET, head="rings"), Layout("map", 3, 8))
    seen = []
    for bottleneck in head.bottlenecks:
        bottleneck.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    features = torch.randn(2, 3, 8, 8)
    head.parts(features)
    numbers = ring_numbers(8, 4)
    for ring, average in enumerate(seen):
        naive = features[:, :, numbers == ring].mean(dim=2)
        torch.testing.assert_close(average, naive)


def test_rings_have_equal_weight_in_the_descriptor():
    parts = torch.tensor([[[3.0, 4.0], [0.0, 0.1]]])
    expected = torch.tensor([[0.6, 0.8, 0.0, 1.0]]) / 2**0.5
    torch.testing.assert_close(join_parts(parts), expected)


def test_a_map_too_small_for_its_rings_is_enlarged():
    head = RingHead(_architecture(RESNET, head="rings"), Layout("map", 3, 2))
    assert head.side == 8
    assert head(torch.randn(2, 3, 2, 2)).shape == (2, 16)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"head": "cone"}, "head 'cone' is unknown; use grid, pool, both, gap, rings"),
        ({"head": "gap"}, "16 channels of 'resnet18', .* descriptor_size is 32; set descriptor_size to 16"),
        ({"head": "rings", "rings": 5}, "descriptor_size=32 cannot be shared by rings=5"),
        ({"stem": "patches"}, "stem 'patches' is unknown"),
        ({"backbone": "resnet1000"}, "timm cannot build 'resnet1000'"),
        ({"backbone_args": {"wings": 2}}, "timm cannot build 'resnet18' with {'wings': 2"),
        ({**SWIN, "stem": "unshuffle"}, "needs a ResNet"),
        ({"backbone": "levit_128s", "backbone_args": {}, "input_px": 30}, "input_px"),
    ],
)
def test_combinations_that_do_not_fit_are_refused(changes, sentence):
    with pytest.raises(ModelError, match=sentence):
        ViewEncoder(_architecture(RESNET, **{"descriptor_size": 32, **changes}))


def test_the_shipped_weights_load_into_a_network_of_the_same_names():
    encoder = TorchEncoder(load_card(SHIPPED))
    assert encoder.describe(_views(160).numpy()).shape == (3, 256)
