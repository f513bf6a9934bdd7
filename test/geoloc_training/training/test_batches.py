# SPDX-License-Identifier: Apache-2.0
"""Batches are prepared ahead, in parallel and in order."""

from threading import Barrier, Event

import pytest

torch = pytest.importorskip("torch")

from geoloc_training.contract import Batch  # noqa: E402
from geoloc_training.training.batches import batches_ahead, split  # noqa: E402

_PATIENCE_S = 60.0


def _batch(number, count=4):
    return Batch(*(torch.full((count, 2), number) for _ in range(2)), torch.arange(count), torch.ones(count))


class Source:
    """Records the prepared steps; the first two steps wait for each other."""

    def __init__(self, together=1, broken=None):
        self.drawn = {step: Event() for step in range(9)}
        self.barrier, self.together, self.broken = Barrier(together), together, broken
        self.shares = set()

    def batch(self, step, rank, ranks):
        if step < self.together:
            self.barrier.wait(_PATIENCE_S)
        if step == self.broken:
            raise OSError("unreadable")
        self.shares.add((rank, ranks))
        self.drawn[step].set()
        return _batch(step)


def test_batches_come_in_order_and_ahead_of_their_use():
    source = Source()
    batches = batches_ahead(source, range(3, 9), rank=1, ranks=2, workers=2)
    numbers = [next(batches).query[0, 0].item()]
    # The first batch is in use, and the next two were not requested.
    assert all(source.drawn[step].wait(_PATIENCE_S) for step in (4, 5))
    assert not source.drawn[7].is_set()
    numbers += [batch.query[0, 0].item() for batch in batches]
    assert numbers == [3, 4, 5, 6, 7, 8]
    assert source.shares == {(1, 2)}


def test_each_worker_prepares_a_batch_in_parallel():
    source = Source(together=3)
    assert len(list(batches_ahead(source, range(5), 0, 1, workers=3))) == 5


def test_an_error_is_raised_at_the_batchs_turn():
    batches = batches_ahead(Source(broken=2), range(9), 0, 1, workers=4)
    assert [next(batches).query[0, 0].item() for _ in range(2)] == [0, 1]
    with pytest.raises(OSError, match="unreadable"):
        next(batches)


def test_parts_are_neighbouring_pairs():
    batch = _batch(1, count=6)
    assert split(batch, 1) == [batch]
    assert [part.ids.tolist() for part in split(batch, 3)] == [[0, 1], [2, 3], [4, 5]]
    assert all(len(tensor) == 2 for part in split(batch, 3) for tensor in vars(part).values())
