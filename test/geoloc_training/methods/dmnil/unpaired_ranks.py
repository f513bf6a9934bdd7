# SPDX-License-Identifier: Apache-2.0
"""A tiny run of DMNIL on several processes: python unpaired_ranks.py PICTURES RUN DEVICES."""

import sys
from pathlib import Path

from torch.nn.parallel import DistributedDataParallel

from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from tiny_unpaired import build_unpaired, pictures, source, unpaired_config


def _no_buffers_sent(*_):
    raise RuntimeError("memories are the same on all ranks and need not be sent")


def main(folder: Path, run: Path, devices: int) -> None:
    DistributedDataParallel._sync_buffers = _no_buffers_sent
    config = unpaired_config({"steps": 6}, {"devices": devices})
    fabric = launch(config.hardware)
    with fabric.rank_zero_first():
        split = pictures(folder)
    fit(config, source(config, split), run, fabric=fabric, build=build_unpaired)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
