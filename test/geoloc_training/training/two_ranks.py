# SPDX-License-Identifier: Apache-2.0
"""A tiny run on as many processes as `devices` says: python two_ranks.py RUN DEVICES."""

import sys
from dataclasses import replace
from pathlib import Path

from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from tiny_training import TinySource, build_tiny, tiny_config


class Described(TinySource):
    """Plans an epoch by descriptors that each process makes a share of."""

    def start_epoch(self, epoch, describe):
        self.describe_views = describe.__self__.views
        super().start_epoch(epoch, describe)


def main(run: Path, devices: int) -> None:
    config = tiny_config()
    config = replace(config, hardware=replace(config.hardware, devices=devices))
    fit(
        config,
        Described(),
        run,
        lambda _: {"valid_r1": 0.5},
        fabric=launch(config.hardware),
        build=build_tiny,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
