# SPDX-License-Identifier: Apache-2.0
"""Tiny runs of Sample4Geo with DPHR on several processes: python two_ranks.py FOLDER DEVICES."""

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from geoloc.errors import ParameterError
from geoloc_training.distributed import any_rank, gather_rows, mean_over_ranks, rank
from geoloc_training.methods.dphr.method import Dphr
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.methods.sample4geo.method import Sample4Geo
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from tiny_training import TinyEncoder, TinySource, tiny_config


class Described(TinySource):
    """Plans an epoch by descriptors; with several parts a rank's rows are in the same part as one process's.

    Args:
        parts: that a batch is accumulated of.
        killed_at: step at which every process ends, as in a power cut.
    """

    def __init__(self, parts=1, killed_at=None):
        super().__init__()
        self.parts, self.killed_at = parts, killed_at

    def start_epoch(self, epoch, describe):
        self.describe_views = describe.__self__.views
        super().start_epoch(epoch, describe)

    def batch(self, step, rank, ranks):
        whole = super().batch(step, 0, 1)
        rows = torch.arange(len(whole.ids)).view(self.parts, ranks, -1)[:, rank].flatten()
        return replace(whole, **{name: rows_of[rows] for name, rows_of in vars(whole).items()})

    def finish(self, batch, step, rank):
        if step == self.killed_at:
            raise KeyboardInterrupt
        return batch


def main(folder: Path, devices: int) -> None:
    config = tiny_config()
    config = replace(config, hardware=replace(config.hardware, devices=devices))
    fabric = launch(config.hardware)

    def run(name, source=None, norm=False, **optimiser):
        source = source or Described()
        recipe = replace(config, optimiser=replace(config.optimiser, **optimiser))
        fit(recipe, source, folder / name, _Validation(source), fabric=fabric, build=_builder(norm))

    run("whole")
    run("parts", Described(parts=2), accumulate=2)
    run("norm", norm=True)
    for source in (Described(killed_at=5), Described()):
        with suppress(KeyboardInterrupt):
            run("norm-cut", source, norm=True)
    if devices > 1:
        _check_what_ranks_share()
        run(f"apart-{rank()}")
        with pytest.raises(ParameterError, match=r"not every process finds the same .* all machines share"):
            run(f"apart-{rank()}")


def _builder(norm):
    def build(config, places):
        encoder = TinyEncoder()
        if norm:
            encoder.head.append(torch.nn.BatchNorm1d(5))
        return Dphr(Sample4Geo(encoder, Sample4GeoConfig()), DphrConfig(weight=1.0, window=2, ema=0.5))

    return build


class _Validation:
    """A figure that depends on every rank's encoder."""

    selected_by = "valid_r1"

    def __init__(self, source):
        self._source = source

    def __call__(self, describer):
        spread = torch.from_numpy(describer.views(self._source.pictures)).std(0).mean()
        return {"valid_r1": float(mean_over_ranks(spread))}


def _check_what_ranks_share():
    """Check the collective operations on this rank's own values."""
    own = torch.tensor([[1.0 + rank()]], requires_grad=True)
    gathered = gather_rows(own)
    (gathered * torch.tensor([[10.0], [100.0]]) * (1 + rank())).sum().backward()
    assert gathered.tolist() == [[1.0], [2.0]]
    assert own.grad.item() == 3 * (10.0, 100.0)[rank()]  # summed over ranks; the second's is twice as large
    assert mean_over_ranks(own[0, 0]).item() == 1.5
    assert any_rank(rank() == 1, own.device)
    assert not any_rank(False, own.device)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
