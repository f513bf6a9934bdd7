# SPDX-License-Identifier: Apache-2.0
"""Mixture of initial and learnt weights."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.adaptation.adapt import Adaptation, mixed  # noqa: E402
from geoloc_training.adaptation.cutting import Sources  # noqa: E402


def test_weights_are_mixed_and_counters_are_not():
    first = {"weight": torch.tensor([0.0, 4.0]), "batches": torch.tensor(7)}
    learnt = {"weight": torch.tensor([10.0, 0.0]), "batches": torch.tensor(9)}
    found = mixed(first, learnt, keep=0.25)
    assert found["weight"].tolist() == [7.5, 1.0]
    assert found["batches"].item() == 9


def test_keeping_nothing_gives_what_was_learnt():
    first, learnt = ({"weight": torch.tensor(values)} for values in ([1.0, 2.0], [10.0, 0.0]))
    assert mixed(first, learnt, keep=0.0)["weight"].tolist() == [10.0, 0.0]


@pytest.mark.parametrize("keep", [-0.1, 1.0, float("nan")])
def test_a_share_of_one_or_more_is_refused(keep):
    sources = Sources(Path("map.tif"), (Path("bag"),))
    with pytest.raises(ParameterError, match="--keep is"):
        Adaptation(sources, "model", Path("out"), Path("map"), Path("run"), keep=keep)
