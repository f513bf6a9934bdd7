# SPDX-License-Identifier: Apache-2.0
"""LPN on a tiny network: its loss, its descriptors and its training."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")

from geoloc.encoder.card import Architecture  # noqa: E402
from geoloc.encoder.torch_backend import ViewEncoder  # noqa: E402
from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.contract import Batch  # noqa: E402
from geoloc_training.methods.dphr.method import Dphr  # noqa: E402
from geoloc_training.methods.dphr.settings import DphrConfig  # noqa: E402
from geoloc_training.methods.lpn import method as lpn_method  # noqa: E402
from geoloc_training.methods.lpn.method import Lpn  # noqa: E402
from geoloc_training.methods.lpn.settings import LpnConfig  # noqa: E402

ARCHITECTURE = Architecture(
    "resnet18",
    {"layers": [1, 1, 1, 1], "channels": [8, 8, 8, 16]},
    head="rings",
    rings=2,
    descriptor_size=12,
    input_px=64,
)
PLACES = 6


def _lpn(**settings):
    torch.manual_seed(0)
    return Lpn(ViewEncoder(ARCHITECTURE), LpnConfig(**settings), PLACES)


def _batch(ids=(5, 0, 3, 1)):
    """Return a batch in which a place is a pattern and its two views differ by noise."""
    generator = torch.Generator().manual_seed(1)
    patterns = torch.randint(0, 200, (PLACES, 64, 64, 3), generator=generator)
    sides = [
        (patterns[list(ids)] + torch.randint(0, 55, (len(ids), 64, 64, 3), generator=generator)).to(
            torch.uint8
        )
        for _ in range(2)
    ]
    return Batch(*sides, torch.tensor(ids), torch.ones(len(ids)))


def test_the_loss_sums_both_views_and_all_rings_into_the_same_places():
    method, batch = _lpn(dropout=0.0), _batch()
    outcome = method(batch)
    parts = method.encoder.head.parts(method.encoder.features(torch.cat([batch.reference, batch.query])))
    expected = sum(
        torch.nn.functional.cross_entropy(classifier(view[:, ring]), batch.ids)
        for view in parts.split(4)
        for ring, classifier in enumerate(method.classifiers)
    )
    assert outcome.loss.item() == pytest.approx(expected.item(), rel=1e-5)


def test_descriptors_equal_those_of_the_encoder():
    method, batch = _lpn().eval(), _batch()
    with torch.no_grad():
        outcome = method(batch)
        for found, views in ((outcome.query, batch.query), (outcome.reference, batch.reference)):
            torch.testing.assert_close(found, method.encoder(views))
    assert torch.equal(outcome.ids, batch.ids)
    assert outcome.query.shape == (4, 12)


def test_dropout_is_before_the_classifiers_alone():
    method, batch = _lpn(dropout=0.9), _batch()
    first, second = method(batch), method(batch)
    assert first.loss.item() != second.loss.item()
    torch.testing.assert_close(first.query, second.query)


def test_it_learns_to_classify_places():
    method, batch = _lpn(dropout=0.0), _batch()
    optimiser = torch.optim.SGD(method.parameters(), lr=0.1, momentum=0.9)
    first = method(batch)
    for _ in range(12):
        optimiser.zero_grad()
        outcome = method(batch)
        outcome.loss.backward()
        optimiser.step()
    assert outcome.loss.item() < 0.2 * first.loss.item()
    assert outcome.figures["place_accuracy"].item() == 1.0
    assert all(p.grad is not None for p in method.parameters())


def test_it_hosts_dphr():
    method = Dphr(_lpn(), DphrConfig(weight=1.0))
    outcome = method(_batch())
    outcome.loss.backward()
    assert {"place_accuracy", "dphr_triplet"} <= set(outcome.figures)
    assert outcome.figures["dphr_triplet"].item() > 0


def test_what_it_hosts_sees_the_rows_of_all_ranks_in_order(monkeypatch):
    """Test two ranks with the same rows; DPHR uses all rows, the cross entropy those of this rank."""
    monkeypatch.setattr(lpn_method, "gather_rows", lambda rows: torch.cat([rows, rows]))
    outcome = _lpn(dropout=0.0)(_batch())
    assert outcome.ids.tolist() == [5, 0, 3, 1] * 2
    assert outcome.query.shape == outcome.reference.shape == (8, 12)
    assert not torch.equal(outcome.query, outcome.reference)
    monkeypatch.undo()
    alone = _lpn(dropout=0.0)(_batch())
    torch.testing.assert_close(outcome.query, torch.cat([alone.query, alone.query]))
    assert outcome.loss.item() == pytest.approx(alone.loss.item())


def test_an_encoder_without_rings_is_refused():
    encoder = ViewEncoder(replace(ARCHITECTURE, head="pool"))
    with pytest.raises(ParameterError, match=r"model.head is 'pool'; set model.head=rings"):
        Lpn(encoder, LpnConfig(), PLACES)
