# SPDX-License-Identifier: Apache-2.0
import math

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.contract import Batch  # noqa: E402
from geoloc_training.methods.sample4geo.loss import info_nce  # noqa: E402
from geoloc_training.methods.sample4geo.method import Sample4Geo  # noqa: E402
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig  # noqa: E402


class Table(torch.nn.Module):
    """An encoder of views that are numbers; the descriptor is the unit vector of that index."""

    def __init__(self):
        super().__init__()
        self.rows = torch.nn.Parameter(torch.eye(6))
        self.passes = 0

    def forward(self, views):
        self.passes += 1
        return torch.nn.functional.normalize(self.rows[views.long()], dim=1)


def _batch(query, reference, ids=None, weights=None) -> Batch:
    count = len(query)
    return Batch(
        torch.tensor(query, dtype=torch.uint8),
        torch.tensor(reference, dtype=torch.uint8),
        torch.arange(count) if ids is None else torch.tensor(ids),
        torch.ones(count) if weights is None else torch.tensor(weights),
    )


def test_outcome_holds_descriptors_in_order_and_the_share_that_find_theirs():
    method = Sample4Geo(Table(), Sample4GeoConfig())
    outcome = method(_batch([0, 1, 2], [0, 2, 1], ids=[7, 8, 9]))
    assert outcome.query.argmax(dim=1).tolist() == [0, 1, 2]
    assert outcome.reference.argmax(dim=1).tolist() == [0, 2, 1]
    assert outcome.ids.tolist() == [7, 8, 9]
    assert outcome.figures["batch_r1"].item() == pytest.approx(1 / 3)
    assert outcome.figures["temperature"].item() == pytest.approx(0.07)
    assert not outcome.figures["temperature"].requires_grad
    assert method.encoder.passes == 1  # one pass, so batch statistics are of both views


def test_a_query_that_finds_another_picture_of_its_place_has_found_it():
    method = Sample4Geo(Table(), Sample4GeoConfig())
    assert method(_batch([0, 1, 2], [1, 0, 2], ids=[4, 4, 5])).figures["batch_r1"].item() == 1.0


def test_loss_uses_places_weights_and_smoothing():
    batch = _batch([0, 1, 2], [0, 2, 1], ids=[3, 3, 5], weights=[0.2, 0.9, 0.5])
    eye = torch.eye(6)
    query, reference, scale = eye[[0, 1, 2]], eye[[0, 2, 1]], torch.tensor(1 / 0.07)
    plain = Sample4Geo(Table(), Sample4GeoConfig(label_smoothing=0.2))(batch).loss
    assert plain.item() == pytest.approx(info_nce(query, reference, scale, batch.ids, 0.2).item(), abs=1e-5)
    weighted = Sample4Geo(Table(), Sample4GeoConfig(weighted=True))(batch).loss
    smoothing = 1 - 1 / (1 + torch.exp(-5 * batch.weights))
    expected = info_nce(query, reference, scale, batch.ids, smoothing)
    assert weighted.item() == pytest.approx(expected.item(), abs=1e-5)


def test_temperature_is_learnt_and_bounded():
    method = Sample4Geo(Table(), Sample4GeoConfig(temperature=0.1))
    batch = _batch([0, 1, 2], [0, 2, 1])
    method(batch).loss.backward()
    assert method.log_scale.grad.item() != 0
    for log_scale, temperature in ((20.0, 0.01), (-5.0, 1.0)):
        with torch.no_grad():
            method.log_scale.fill_(log_scale)
        outcome = method(batch)
        assert outcome.figures["temperature"].item() == pytest.approx(temperature)
        assert torch.isfinite(outcome.loss)


@pytest.mark.parametrize(("log_scale", "pairs"), [(20.0, ([0, 1], [1, 0])), (-5.0, ([0, 1], [0, 1]))])
def test_a_temperature_that_ran_into_its_bound_comes_back(log_scale, pairs):
    """Test that wrong answers raise the temperature, and right answers lower it."""
    method = Sample4Geo(Table(), Sample4GeoConfig())
    with torch.no_grad():
        method.log_scale.fill_(log_scale)
    optimiser = torch.optim.SGD([method.log_scale], lr=0.01)
    found = []
    for _ in range(3):
        optimiser.zero_grad()
        outcome = method(_batch(*pairs))
        outcome.loss.backward()
        optimiser.step()
        found.append(outcome.figures["temperature"].item())
    assert (found[2] - found[0]) * log_scale > 0


def test_a_fixed_temperature_gets_no_gradient():
    method = Sample4Geo(Table(), Sample4GeoConfig(learn_temperature=False))
    method(_batch([0, 1], [1, 0])).loss.backward()
    assert method.log_scale.grad is None
    assert method.state_dict()["log_scale"].item() == pytest.approx(math.log(1 / 0.07))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Sample4GeoConfig(temperature=0.0),
        lambda: Sample4GeoConfig(label_smoothing=1.0),
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ParameterError):
        wrong()
