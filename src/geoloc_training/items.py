# SPDX-License-Identifier: Apache-2.0
"""Common form of the data sets: items, their matches, and the published tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Metric = Literal[
    "recall",  # R@K and R@1 % by labels, as in University-1652's script
    "ap_trapezoid",  # average precision of University-1652
    "ap_step",  # average precision of scikit-learn and GTA-UAV
    "recall_pairs",  # R@K and R@1 % of one-to-one pairs, ties count as found; CVUSA, CVACT, VIGOR
    "hit_rate",  # VIGOR: share of queries with only semi-positives ranked above the positive
    "sdm_degrees",  # SDM@K of DenseUAV
    "sdm_metres",  # SDM@K of GTA-UAV
    "ma",  # DenseUAV: share of queries located within given distances
    "dis",  # GTA-UAV: mean distance of the best K
]


@dataclass(frozen=True)
class GeoLocation:
    """A position on WGS 84."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True)
class PlaneLocation:
    """A position in a local plane, such as a game's world."""

    x_m: float
    y_m: float


Location = GeoLocation | PlaneLocation


@dataclass(frozen=True)
class Item:
    """One image of a data set.

    Attributes:
        id: id of the place, shared by all its images.
        view: drone, satellite or ground.
        path: image file.
        location: position, or None if the data set does not state it.
    """

    id: str
    view: str
    path: Path
    location: Location | None = None


@dataclass(frozen=True)
class TrainingSplit:
    """Training images of two views, and their matches.

    Attributes:
        queries: images to be located (drone or ground view).
        references: images of the map (satellite view).
        matches: indices of the matching references for each query, best first. Methods without labels use
            only `queries` and `references`.
        weights: quality of each match for each query, 0..1 (overlap of footprints; 1 if unknown).
    """

    queries: tuple[Item, ...]
    references: tuple[Item, ...]
    matches: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Task:
    """One published test: retrieval of queries in a gallery.

    Attributes:
        name: direction and variant of the test, such as "drone→satellite" or "drone→satellite, 150 m".
        queries: query images.
        gallery: gallery images, with distractors.
        metrics: metrics that the data set's own script reports.
        positives: gallery indices of the matches for each query; None if images with the same id match.
        semi_positives: gallery indices of near matches for each query (VIGOR), or None.
    """

    name: str
    queries: tuple[Item, ...]
    gallery: tuple[Item, ...]
    metrics: tuple[Metric, ...]
    positives: tuple[tuple[int, ...], ...] | None = None
    semi_positives: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True)
class Benchmark:
    """A data set with the split of its authors.

    Attributes:
        name: short name, as in `data=u1652`.
        training: training split; validation data is taken from it, never from the tests.
        tests: published tests.
    """

    name: str
    training: TrainingSplit
    tests: tuple[Task, ...]
