# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.config import DataConfig, ModelConfig, TrainConfig  # noqa: E402
from geoloc_training.contract import Batch  # noqa: E402
from geoloc_training.methods.dmnil.method import Dmnil  # noqa: E402
from geoloc_training.methods.dmnil.settings import DmnilConfig  # noqa: E402
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402
from geoloc_training.methods.lpn.settings import LpnConfig  # noqa: E402
from geoloc_training.methods.sample4geo.method import Sample4Geo  # noqa: E402
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig  # noqa: E402
from geoloc_training.training.loop import build_method  # noqa: E402

SIZE = 64


def _config(**more) -> TrainConfig:
    model = ModelConfig(descriptor_size=8, head_channels=4, input_px=SIZE)
    return TrainConfig(model=model, data=DataConfig(name="u1652", root="tree"), **more)


def _batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    views = torch.randint(0, 256, (2, 3, SIZE, SIZE, 3), dtype=torch.uint8, generator=generator)
    return Batch(views[0], views[1], torch.arange(3), torch.ones(3))


def _step(method) -> None:
    outcome = method(_batch())
    outcome.loss.backward()
    assert torch.isfinite(outcome.loss)
    assert outcome.query.shape == outcome.reference.shape == (3, 8)
    assert outcome.ids.tolist() == [0, 1, 2]
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in method.encoder.parameters())


def test_sample4geo_is_built_with_its_settings():
    method = build_method(_config(method=Sample4GeoConfig(temperature=0.2)), places=0)
    assert isinstance(method, Sample4Geo)
    assert method.encoder.architecture.descriptor_size == 8
    _step(method)
    assert 1 / method.scale.item() == pytest.approx(0.2)


def test_dphr_wraps_its_host():
    pytest.importorskip("geoloc_training.methods.dphr.method")
    host = build_method(_config(), places=5)
    both = build_method(_config(dphr=DphrConfig(weight=1.0)), places=5)
    assert type(both).__name__ == "Dphr"
    _step(both)
    assert set(host.encoder.state_dict()) == set(both.encoder.state_dict())


def test_lpn_needs_a_known_number_of_places():
    pytest.importorskip("geoloc_training.methods.lpn.method")
    config = _config(method=LpnConfig())
    with pytest.raises(ParameterError, match="without end"):
        build_method(config, places=0)


def test_dmnil_needs_no_places():
    method = build_method(_config(method=DmnilConfig(temperature=0.1)), places=0)
    assert isinstance(method, Dmnil)
    assert method.encoder.architecture.descriptor_size == 8
    assert method.clusters["query"].temperature == 0.1


def test_an_unknown_method_is_refused():
    with pytest.raises(ParameterError, match="'triplet' is unknown; use sample4geo, lpn or dmnil"):
        _config(method=replace(Sample4GeoConfig(), name="triplet"))
