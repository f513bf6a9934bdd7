# SPDX-License-Identifier: Apache-2.0
"""What every data set is to training and evaluation: items, what matches what, and the published tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Metric = Literal[
    "recall",  # R@K and R@1 %, label based; University-1652's script
    "ap_trapezoid",  # University-1652's average precision
    "ap_step",  # scikit-learn's average precision; GTA-UAV
    "recall_pairs",  # R@K and R@1 % of one-to-one pairs, ties for the query; CVUSA, CVACT, VIGOR
    "hit_rate",  # VIGOR: nothing but semi-positives above the right one
    "sdm_degrees",  # DenseUAV's SDM@K
    "sdm_metres",  # GTA-UAV's SDM@K
    "ma",  # DenseUAV's share of queries within so many metres
    "dis",  # GTA-UAV's mean distance of the best K
]


@dataclass(frozen=True)
class GeoLocation:
    """A position on WGS 84."""

    latitude_deg: float
    longitude_deg: float


@dataclass(frozen=True)
class PlaneLocation:
    """A position in a flat world of its own, such as a game's."""

    x_m: float
    y_m: float


Location = GeoLocation | PlaneLocation


@dataclass(frozen=True)
class Item:
    """One picture of a data set.

    Attributes:
        id: the place; pictures of one place share it.
        view: drone, satellite or ground.
        path: the picture's file.
        location: where it is, or None where the data set does not say.
    """

    id: str
    view: str
    path: Path
    location: Location | None = None


@dataclass(frozen=True)
class TrainingSplit:
    """What is learnt from: pictures of two views, and which belong together.

    Attributes:
        queries: pictures of the view that is located (drone or ground).
        references: pictures of the map (satellite).
        matches: for each query, the indices of the references that are right for it, best first. Methods
            without labels look at `queries` and `references` alone.
        weights: for each query, how well each match fits, 0..1 (overlap of footprints; 1 where unknown).
    """

    queries: tuple[Item, ...]
    references: tuple[Item, ...]
    matches: tuple[tuple[int, ...], ...]
    weights: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Task:
    """One published test: queries looked up in a gallery.

    Attributes:
        name: what is looked up in what, and where: "drone→satellite", "drone→satellite, 150 m".
        queries: what is looked up.
        gallery: what it is looked up in, distractors included.
        metrics: what the data set's own script reports.
        positives: for each query, the gallery indices that are right; None where the same id is right.
        semi_positives: for each query, gallery indices that are nearly right (VIGOR), or None.
    """

    name: str
    queries: tuple[Item, ...]
    gallery: tuple[Item, ...]
    metrics: tuple[Metric, ...]
    positives: tuple[tuple[int, ...], ...] | None = None
    semi_positives: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True)
class Benchmark:
    """A data set as its authors split it.

    Attributes:
        name: short name, as in `data=u1652`.
        training: the training split; validation is taken from it, never from the tests.
        tests: the published tests.
    """

    name: str
    training: TrainingSplit
    tests: tuple[Task, ...]
