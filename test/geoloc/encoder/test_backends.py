# SPDX-License-Identifier: Apache-2.0
"""All backends return the same descriptors and refuse arrays that are not views."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from geoloc.checksums import file_sha256
from geoloc.encoder import BACKENDS, load_encoder
from geoloc.errors import ModelError, ParameterError
from geoloc_lab.world.world import World

SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"


@pytest.fixture(scope="module")
def views():
    """Twelve views of a small procedural world, uint8 (12, 160, 160, 3)."""
    picture = World(seed=3, size_m=260.0, gsd_m=0.4).render(0)
    corners = [(r, c) for r in range(0, 480, 160) for c in range(0, 640, 160)]
    return np.stack([picture[r : r + 160, c : c + 160] for r, c in corners])


def _installed(backend):
    for package in BACKENDS[backend][2].split():
        pytest.importorskip(package)
    return load_encoder(SHIPPED, backend, 1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_descriptors_are_unit_vectors_and_the_same_everywhere(backend, views):
    encoder = _installed(backend)
    described = encoder.describe(views)
    assert described.dtype == np.float32
    assert described.shape == (12, encoder.card.descriptor_size)
    np.testing.assert_allclose(np.linalg.norm(described, axis=1), 1.0, atol=1e-5)
    reference = load_encoder(SHIPPED).describe(views)
    assert (described * reference).sum(axis=1).min() > 0.999


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_view_has_the_same_descriptor_alone_and_in_a_batch(backend, views):
    encoder = _installed(backend)
    alone = np.concatenate([encoder.describe(view[None]) for view in views[:3]])
    np.testing.assert_allclose(alone, encoder.describe(views)[:3], atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_arrays_that_are_not_views_are_refused(backend, views):
    encoder = _installed(backend)
    for wrong in (views[0], views[:, :100], views[..., :1], views[:0]):
        with pytest.raises(ModelError, match="set encoder_px to 160"):
            encoder.describe(wrong)
    with pytest.raises(ModelError, match="uint8"):
        encoder.describe(np.full((1, 160, 160, 3), np.nan, np.float32))


def test_descriptors_distinguish_places_under_another_light(views):
    encoder = load_encoder(SHIPPED)
    first = encoder.describe(views)
    darker = encoder.describe((views * 0.6 + 20).astype(np.uint8))
    assert ((darker @ first.T).argmax(axis=1) == np.arange(len(views))).all()


def test_auto_is_onnxruntime():
    assert type(load_encoder(SHIPPED)).__name__ == "OnnxEncoder"


def test_unknown_backends_and_threads_are_refused():
    with pytest.raises(ParameterError, match="backend is 'tpu'; it must be one of auto"):
        load_encoder(SHIPPED, "tpu")
    with pytest.raises(ParameterError, match="threads is -1"):
        load_encoder(SHIPPED, threads=-1)


def test_a_backend_that_is_not_installed_is_named_with_its_package(monkeypatch):
    def missing(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModelError, match=r"pip install openvino"):
        load_encoder(SHIPPED, "openvino")


def _with_damaged(model, name, data):
    """Replace a file and its checksum, as a faulty exporter would."""
    (model / name).write_bytes(data)
    tree = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))
    tree["files"][name] = file_sha256(model / name)
    (model / "model.yaml").write_text(yaml.safe_dump(tree))
    return model


@pytest.mark.parametrize(
    ("backend", "name"),
    [("onnxruntime", "encoder.onnx"), ("openvino", "encoder.onnx"), ("torch", "encoder.safetensors")],
)
def test_damaged_weights_with_a_valid_checksum_are_refused(tmp_path, backend, name):
    _installed(backend)
    model = Path(shutil.copytree(SHIPPED, tmp_path / "model"))
    whole = (model / name).read_bytes()
    for data in (whole[: len(whole) // 3], b"", b"foreign"):
        with pytest.raises(ModelError, match="export the model again"):
            load_encoder(_with_damaged(model, name, data), backend)


def test_a_card_of_another_size_than_the_graph_is_refused(tmp_path, views):
    model = Path(shutil.copytree(SHIPPED, tmp_path / "model"))
    tree = yaml.safe_load((model / "model.yaml").read_text(encoding="utf-8"))
    tree["architecture"]["descriptor_size"] = 128
    (model / "model.yaml").write_text(yaml.safe_dump(tree))
    with pytest.raises(ModelError, match="its card says"):
        load_encoder(model).describe(views)
