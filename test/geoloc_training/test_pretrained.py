# SPDX-License-Identifier: Apache-2.0
"""Pretrained weights of a new run, from the network or a file, and the errors."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("lightning_fabric")

from geoloc.errors import ModelError, ParameterError  # noqa: E402
from geoloc_training import pretrained  # noqa: E402
from geoloc_training.config import ModelConfig, TrainConfig  # noqa: E402
from geoloc_training.pretrained import new_encoder  # noqa: E402
from geoloc_training.training.loop import build_method, fit  # noqa: E402
from tiny_training import TinySource, build_tiny, tiny_config  # noqa: E402

ARGS = {"layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]}
MODEL = ModelConfig("resnet18", ARGS, "timm", "pool", descriptor_size=6, input_px=32, pretrained=True)


def _published(**args):
    """A network as published, with a classifier."""
    torch.manual_seed(7)
    return timm.create_model("resnet18", **{k: tuple(v) for k, v in ARGS.items()}, **args)


def _saved(path, weights):
    if path.suffix == ".safetensors":
        safetensors_torch.save_file(weights, path)
    else:
        torch.save(weights, path)
    return replace(MODEL, pretrained_file=str(path))


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("stem", ["timm", "unshuffle"])
def test_a_file_fills_the_backbone_and_only_it(tmp_path, name, stem):
    published = _published().state_dict()
    config = replace(_saved(tmp_path / name, published), stem=stem)
    torch.manual_seed(1)
    encoder = new_encoder(config)
    torch.manual_seed(1)
    plain = new_encoder(replace(config, pretrained=False, pretrained_file=""))
    for key, value in encoder.backbone.state_dict().items():
        folded = key == "conv1.1.weight"
        assert torch.equal(value, plain.backbone.state_dict()[key] if folded else published[key]), key
    for key, value in encoder.head.state_dict().items():
        assert torch.equal(value, plain.head.state_dict()[key]), key


def test_a_file_of_tokens_of_another_size_is_fitted(tmp_path):
    args = {"depth": 1, "embed_dim": 12, "num_heads": 2}
    torch.save(timm.create_model("vit_tiny_patch16_224", **args).state_dict(), tmp_path / "vit.pth")
    config = replace(
        MODEL,
        backbone="vit_tiny_patch16_224",
        backbone_args=args,
        pretrained_file=str(tmp_path / "vit.pth"),
    )
    assert new_encoder(config).backbone.pos_embed.shape == (1, 1 + 2 * 2, 12)


def test_pretrained_weights_cost_a_run_no_randomness(tmp_path):
    config = _saved(tmp_path / "w.pth", _published().state_dict())
    numbers = []
    for model in (config, replace(config, pretrained=False, pretrained_file="")):
        torch.manual_seed(1)
        new_encoder(model)
        numbers.append(torch.rand(1).item())
    assert numbers[0] == numbers[1]


@pytest.mark.parametrize(
    "failure",
    [OSError("the network is down"), RuntimeError("No pretrained weights exist"), ValueError("no such tag")],
)
def test_weights_that_cannot_be_reached_are_a_sentence_with_both_fixes(monkeypatch, failure):
    def unreachable(*_, **__):
        raise failure

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", unreachable)
    with pytest.raises(
        ModelError,
        match=f"'resnet18' cannot be loaded .{failure}.; set model.pretrained=false, or set model.pre",
    ):
        build_method(TrainConfig(model=MODEL), places=0)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("junk.safetensors", b"nonsense"),
        ("junk.pth", b"nonsense"),
        ("empty.pth", b""),
        ("list.pth", [1, 2]),
        ("foreign.pth", {"a": torch.zeros(2)}),
        ("wide.pth", timm.create_model("resnet18", channels=(8, 8, 8, 8), layers=(1, 1, 1, 1)).state_dict()),
    ],
)
def test_a_file_that_does_not_fit_is_named(tmp_path, name, content):
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(ModelError, match=f"{name} .* give a .*file of exactly this backbone") as raised:
        new_encoder(replace(MODEL, pretrained_file=str(path)))
    assert len(str(raised.value)) < 600


def test_a_file_that_lacks_a_layer_is_refused(tmp_path):
    weights = {k: v for k, v in _published().state_dict().items() if k != "layer3.0.conv2.weight"}
    with pytest.raises(ModelError, match=r"lacks 1 weights of 'resnet18', among them layer3.0.conv2.weight"):
        new_encoder(_saved(tmp_path / "w.pth", weights))


def test_a_missing_file_and_an_unused_file_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"none.pth does not exist"):
        new_encoder(replace(MODEL, pretrained_file=str(tmp_path / "none.pth")))
    with pytest.raises(ParameterError, match=r"pretrained=false contradict each other"):
        ModelConfig(pretrained_file="w.pth")


def test_nothing_is_fetched_unless_asked_for(monkeypatch):
    monkeypatch.setattr(pretrained, "load_pretrained", lambda *_: pytest.fail("fetched"))
    new_encoder(replace(MODEL, pretrained=False))


def test_only_a_new_run_without_initial_weights_is_pretrained(tmp_path):
    asked = []

    def build(config, places):
        asked.append((config.model.pretrained, config.model.pretrained_file))
        return build_tiny(config, places)

    config = replace(tiny_config(), model=replace(tiny_config().model, pretrained=True, pretrained_file="w"))
    fit(config, TinySource(), tmp_path / "a", build=build)
    fit(config, TinySource(), tmp_path / "a", build=build)
    fit(config, TinySource(), tmp_path / "b", initial=tmp_path / "a", build=build)
    assert asked == [(True, "w"), (False, ""), (False, "")]
