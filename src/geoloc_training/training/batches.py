# SPDX-License-Identifier: Apache-2.0
"""Batches drawn ahead by threads while the present one is learnt from."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from geoloc_training.contract import Batch, BatchSource


def batches_ahead(
    source: BatchSource, steps: Sequence[int], rank: int, ranks: int, workers: int, pin: bool = False
) -> Iterator[Batch]:
    """Return this rank's batches of some steps in order, up to `workers` + 1 of them ahead.

    Args:
        source: where they come from; what it draws depends on the step alone, not on the thread.
        steps: of one epoch, since the next one's plan may need the weights at its end.
        rank: of this process.
        ranks: how many processes there are.
        workers: threads.
        pin: copy them to memory that a GPU reads by itself.
    """

    def draw(step: int) -> Batch:
        batch = source.batch(step, rank, ranks)
        return replace(batch, **{n: t.pin_memory() for n, t in vars(batch).items()}) if pin else batch

    pool = ThreadPoolExecutor(workers, thread_name_prefix="batches")
    ahead: deque[Future[Batch]] = deque()
    try:
        for step in steps:
            ahead.append(pool.submit(draw, step))
            if len(ahead) > workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def split(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch into equal parts of neighbouring rows, give or take one row."""
    if parts == 1:
        return [batch]
    cut = {name: tensor.tensor_split(parts) for name, tensor in vars(batch).items()}
    return [replace(batch, **{name: tensors[i] for name, tensors in cut.items()}) for i in range(parts)]
