# SPDX-License-Identifier: Apache-2.0
"""A model directory is checked before it replaces another; on any failure the other stays complete."""

import errno
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")

import onnx
import onnxruntime
import torch

from geoloc.encoder import load_card, load_encoder
from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card import Architecture, Metric
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError
from geoloc_training import export, parity
from geoloc_training.export import CardFacts, export_model
from geoloc_training.parity import RealViews

ARCHITECTURE = Architecture(
    backbone="resnet18",
    backbone_args={"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
    stem="unshuffle",
    head_channels=8,
    descriptor_size=8,
    input_px=32,
)
FACTS = CardFacts(
    id="tiny",
    method="sample4geo",
    seed=3,
    gsd_range_m=(0.2, 1.0),
    training={"commit": "abc"},
    metrics=[Metric("a test", 4, 8, 0.5, 1.0, "map", 3, "abc")],
    calibration=Calibration(0.5, 0.01, "by hand"),
)
LATER = replace(FACTS, method="later")


@pytest.fixture(scope="module")
def weights():
    torch.manual_seed(0)
    return ViewEncoder(ARCHITECTURE).state_dict()


@pytest.fixture(scope="module")
def views():
    rng = np.random.default_rng(0)
    gallery = rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
    return RealViews(np.clip(gallery.astype(int) + 9, 0, 255).astype(np.uint8), gallery)


@pytest.fixture(scope="module")
def exported(weights, views, tmp_path_factory):
    out = tmp_path_factory.mktemp("exported") / "tiny"
    export_model(weights, ARCHITECTURE, FACTS, out, views)
    return out


@pytest.fixture
def old(exported, tmp_path, monkeypatch):
    """An existing model at the target of an export; writing and timing graphs is faked."""
    monkeypatch.setattr(parity, "_TIMED", 1)
    monkeypatch.setattr(parity, "find_spec", lambda name: name != "openvino" or None)
    monkeypatch.setattr(export, "write_onnx", lambda _, path: shutil.copy(exported / "encoder.onnx", path))
    return Path(shutil.copytree(exported, tmp_path / "models" / "tiny"))


def _untouched(out):
    """Check that the old model is complete and nothing lies beside it."""
    assert [path.name for path in out.parent.iterdir()] == ["tiny"]
    assert load_card(out).method == "sample4geo"


def test_the_card_records_parity_and_latency(exported, views):
    tree = yaml.safe_load((exported / "model.yaml").read_text(encoding="utf-8"))
    recorded = tree["parity_with_torch"]
    assert set(recorded) == {name for name in ("onnxruntime", "openvino") if find_spec(name)}
    assert tree["not_compared"] == [name for name in ("onnxruntime", "openvino") if not find_spec(name)]
    assert recorded["onnxruntime"] == {"lowest_cosine": 1.0, "top1_agreement": 1.0, "queries": 6}
    assert tree["latency_ms"]["onnxruntime"] > 0
    assert "2 threads" in tree["latency_ms"]["conditions"]
    assert tree["training"]["commit"] == "abc"
    assert load_card(exported).metrics == (Metric("a test", 4, 8, 0.5, 1.0, "map", 3, "abc"),)
    assert load_encoder(exported, "torch").describe(views.gallery).shape == (6, 8)


def test_a_checked_model_replaces_the_old_one(old, weights, views):
    found = export_model(weights, ARCHITECTURE, LATER, old, views)
    assert found["onnxruntime"].queries == 6
    assert [path.name for path in old.parent.iterdir()] == ["tiny"]
    assert load_card(old).method == "later"
    tree = yaml.safe_load((old / "model.yaml").read_text(encoding="utf-8"))
    assert (list(tree["parity_with_torch"]), tree["not_compared"]) == (["onnxruntime"], ["openvino"])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("MIN_COSINE", 1.1, "lowest cosine"), ("MIN_TOP1", 1.1, "same view first")],
)
def test_a_model_that_fails_the_check_is_not_exported(old, weights, views, monkeypatch, name, value, said):
    monkeypatch.setattr(parity, name, value)
    with pytest.raises(ModelError, match=f"onnxruntime differs from torch: .*{said}.*nothing was exported"):
        export_model(weights, ARCHITECTURE, LATER, old, views)
    _untouched(old)


def test_a_graph_with_other_weights_is_not_exported(old, weights, views, monkeypatch):
    other = {
        name: torch.randn_like(tensor) if "project" in name else tensor for name, tensor in weights.items()
    }
    with pytest.raises(ModelError, match="onnxruntime differs from torch"):
        export_model(other, ARCHITECTURE, LATER, old, views)
    _untouched(old)


@pytest.mark.parametrize("stage", ["save_file", "write_onnx", "_write_parameters", "_write_card"])
def test_a_full_disk_leaves_the_old_model_and_a_sentence(old, weights, views, monkeypatch, stage):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(export, stage, full)
    with pytest.raises(ModelError, match=r"tiny cannot be written \(.*No space left.*make room"):
        export_model(weights, ARCHITECTURE, LATER, old, views)
    _untouched(old)


def test_an_interruption_leaves_the_old_model(old, weights, views, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "check_parity", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_model(weights, ARCHITECTURE, LATER, old, views)
    _untouched(old)


def test_the_card_is_written_after_all_checks(old, weights, views, monkeypatch):
    seen = []
    monkeypatch.setattr(
        export, "check_parity", lambda *_: seen.extend(p.name for p in old.parent.rglob("model.yaml")) or {}
    )
    export_model(weights, ARCHITECTURE, LATER, old, views)
    assert seen == ["model.yaml"]  # the card of the old model


def test_a_folder_of_something_else_is_not_replaced(weights, views, tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").touch()
    with pytest.raises(ModelError, match="work holds something other than a model"):
        export_model(weights, ARCHITECTURE, FACTS, tmp_path / "work", views)
    assert (tmp_path / "work" / "thesis.txt").exists()


def test_a_network_without_a_graph_is_a_sentence(tmp_path):
    class Strange(ViewEncoder):
        def forward(self, views):
            return torch.linalg.eigvals(super().forward(views)[:, :2, None] @ torch.ones(1, 2)).real

    with pytest.raises(ModelError, match="'resnet18' cannot be written as ONNX"):
        export.write_onnx(Strange(ARCHITECTURE), tmp_path / "graph.onnx")


def test_branches_for_training_alone_are_merged_in_the_graph(views, tmp_path):
    class Branches(torch.nn.Module):
        """Two parallel convolutions, as in RepVGG and similar backbones."""

        def __init__(self):
            super().__init__()
            self.one, self.two = (torch.nn.Conv2d(64, 64, 1) for _ in range(2))

        def forward(self, pixels):
            return self.one(pixels) + self.two(pixels)

        def fuse(self):
            whole = torch.nn.Conv2d(64, 64, 1)
            whole.weight.data = self.one.weight + self.two.weight
            whole.bias.data = self.one.bias + self.two.bias
            return whole

    torch.manual_seed(0)
    encoder = ViewEncoder(ARCHITECTURE).eval()
    plain_count = sum(isinstance(module, torch.nn.Conv2d) for module in encoder.modules())
    encoder.backbone.maxpool = Branches()
    export.write_onnx(encoder, tmp_path / "graph.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "graph.onnx"), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"views": views.gallery})
    with torch.inference_mode():
        np.testing.assert_allclose(found, encoder(torch.from_numpy(views.gallery)).numpy(), atol=1e-5)
    nodes = onnx.load(tmp_path / "graph.onnx").graph.node
    assert sum(node.op_type == "Conv" for node in nodes) == plain_count + 1
    assert isinstance(encoder.backbone.maxpool, Branches)
