# SPDX-License-Identifier: Apache-2.0
"""DMNIL in small: a folder of pictures of a few places, and a network that a step takes a millisecond of."""

import cv2
import numpy as np
from torch.nn import functional

from geoloc_training.config import build_config
from geoloc_training.items import Item, TrainingSplit
from geoloc_training.methods.dmnil.method import Dmnil
from geoloc_training.methods.dmnil.source import ClusterBatches
from tiny_training import SIDE, TinyEncoder

PLACES = 6
VIEWS = 3  # drone pictures of a place
METHOD = {
    "name": "dmnil",
    "steps_per_epoch": 2,
    "instances": 2,
    "clusters": {"k1": 3, "k2": 1, "query_min_samples": 1, "reference_labels": "own"},
    "evolution": {"intra_epoch": 0, "cross_epoch": 1},
    "enhancement": {"epoch": 2},
    "pictures_every": 0,
}


class UnpairedEncoder(TinyEncoder):
    """The tiny encoder in two parts, as a `ViewEncoder` has them."""

    def features(self, views):
        return self.backbone(views.flatten(1).float() / 255 - 0.5)

    def forward(self, views):
        return functional.normalize(self.head(self.features(views)), dim=1)


def pictures(folder):
    """A split of six places: a pattern each for the map and three noisy ones for the drone."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(3)
    sides = {"drone": [], "satellite": []}
    for place in range(PLACES):
        pattern = rng.integers(0, 200, (SIDE, SIDE, 3))
        for view, count in (("drone", VIEWS), ("satellite", 1)):
            for number in range(count):
                path = folder / f"{place}_{view}_{number}.png"
                noise = rng.integers(0, 55, pattern.shape)
                cv2.imwrite(str(path), (pattern + noise).astype(np.uint8))
                sides[view].append(Item(f"{place:02d}", view, path))
    matches = tuple((index // VIEWS,) for index in range(PLACES * VIEWS))
    return TrainingSplit(*(tuple(side) for side in sides.values()), matches, ((1.0,),) * len(matches))


def unpaired_config(optimiser=None, hardware=None, **method):
    """Eight steps of eight queries and eight references twice, four epochs long."""
    return build_config(
        {
            "checkpoint_every": 3,
            "data": {"name": "u1652", "root": "there"},
            "method": METHOD | method,
            "model": {"input_px": SIDE},
            "optimiser": {"steps": 8, "pairs": 8, "warmup_steps": 0, "learning_rate": 0.01, "ema_decay": 0.5}
            | (optimiser or {}),
            "hardware": {"accelerator": "cpu", "threads": 1, "workers": 2} | (hardware or {}),
        }
    )


def source(config, split):
    """The batches of a configuration, pictures as they are."""
    return ClusterBatches(split, SIDE, config.optimiser.pairs, config.seed, config.method)


def build_unpaired(config, places):
    return Dmnil(UnpairedEncoder(), config.method)
