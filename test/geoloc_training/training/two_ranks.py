# SPDX-License-Identifier: Apache-2.0
"""A tiny run with DPHR on as many processes as `devices` says: python two_ranks.py RUN DEVICES."""

import sys
from dataclasses import replace
from pathlib import Path

from geoloc_training.methods.dphr.method import Dphr
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from tiny_training import TinySource, build_tiny, tiny_config


class Described(TinySource):
    """Plans an epoch by descriptors that each process makes a share of."""

    def start_epoch(self, epoch, describe):
        self.describe_views = describe.__self__.views
        super().start_epoch(epoch, describe)


def _build(config, places):
    return Dphr(build_tiny(config, places), DphrConfig(weight=1.0, window=2, ema=0.5))


def main(run: Path, devices: int) -> None:
    config = tiny_config()
    config = replace(config, hardware=replace(config.hardware, devices=devices))
    fit(
        config,
        Described(),
        run,
        lambda _: {"valid_r1": 0.5},
        fabric=launch(config.hardware),
        build=_build,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
