# SPDX-License-Identifier: Apache-2.0
"""Prepares batches in threads ahead of the current training step."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from geoloc_training.contract import Batch, BatchSource


def batches_ahead(
    source: BatchSource, steps: Sequence[int], rank: int, ranks: int, workers: int, pin: bool = False
) -> Iterator[Batch]:
    """Yield this rank's batches of the given steps in order, prepared up to `workers` + 1 batches ahead.

    Args:
        source: source of batches; a batch depends only on the step, not on the thread.
        steps: steps of one epoch; the plan of the next epoch may need the weights at the end of this epoch.
        rank: rank of this process.
        ranks: number of processes.
        workers: number of threads.
        pin: whether to copy batches to pinned memory, for faster transfer to a GPU.
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
    """Split a batch into parts of consecutive rows, whose sizes differ by at most one."""
    if parts == 1:
        return [batch]
    cut = {name: tensor.tensor_split(parts) for name, tensor in vars(batch).items()}
    return [replace(batch, **{name: tensors[i] for name, tensors in cut.items()}) for i in range(parts)]
