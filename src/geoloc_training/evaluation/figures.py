# SPDX-License-Identifier: Apache-2.0
"""Figures that a test reports: the metrics of its data set's script, and errors in metres on the Earth."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_training.evaluation import distances, metrics
from geoloc_training.evaluation.ranking import Ranking
from geoloc_training.items import Metric, Task

RECALLS = (1, 5, 10)
SDM_DEGREES_AT = (1, 3, 5, 10)
SDM_METRES_AT = DIS_AT = (1, 3, 5)
MA_M = (3, 5, 10, 20, 50)
WITHIN_M = (5, 10, 25, 50, 100)
CURVE_M = tuple(sorted({*range(4, 201, 4), *range(10, 501, 10)}))  # GTA-UAV: same area, cross area


@dataclass(frozen=True)
class Figure:
    """One value, a share in 0..1 (unit "share") or metres (unit "m")."""

    name: str
    value: float
    unit: str = "share"


@dataclass(frozen=True)
class Found:
    """A test and its ranking, from which figures are computed.

    Attributes:
        task: the test.
        ranking: ranking of the gallery for each query.
        float32_compat: whether to round coordinates to float32 in SDM, as DenseUAV's script does.
    """

    task: Task
    ranking: Ranking
    float32_compat: bool = False

    @cached_property
    def queries_at(self) -> Float64Array:
        """Return the coordinates of the queries (Q, 2); raises ParameterError if one is missing."""
        return distances.coordinates(self.task.queries)

    @cached_property
    def gallery_at(self) -> Float64Array:
        """Return the coordinates of the gallery (G, 2); raises ParameterError if one is missing."""
        return distances.coordinates(self.task.gallery)


def figures_of(found: Found) -> tuple[Figure, ...]:
    """Return the figures of a test in the order of its metrics, then errors in metres.

    Raises:
        ParameterError: locations that a metric needs are missing.
    """
    listed = [figure for metric in found.task.metrics for figure in _MAKERS[metric](found)]
    return (*listed, *_metres(found))


def curve_of(found: Found) -> tuple[tuple[float, float], ...]:
    """Return GTA-UAV's accuracy curve, pairs (metres, share of queries with a nearer best entry), or ()."""
    if "dis" not in found.task.metrics:
        return ()
    top1_m = distances.plane_m(found.queries_at, found.gallery_at, found.ranking.best[:, :1])
    return tuple((float(m), distances.within(top1_m, m)) for m in CURVE_M)


def _recall(found: Found) -> list[Figure]:
    figures = [Figure(f"R@{k}", metrics.recall(found.ranking, k)) for k in RECALLS]
    return [*figures, Figure("R@1%", metrics.recall_top_percent(found.ranking))]


def _recall_pairs(found: Found) -> list[Figure]:
    figures = [Figure(f"R@{k}", metrics.recall(found.ranking, k)) for k in RECALLS]
    return [*figures, Figure("R@1%", metrics.recall_pairs_top_percent(found.ranking))]


def _sdm_degrees(found: Found) -> list[Figure]:
    where = found.queries_at, found.gallery_at, found.ranking.best
    return [
        Figure(f"SDM@{k}", distances.sdm_degrees(*where, k, found.float32_compat)) for k in SDM_DEGREES_AT
    ]


def _sdm_metres(found: Found) -> list[Figure]:
    where = found.queries_at, found.gallery_at, found.ranking.best
    return [Figure(f"SDM@{k}", distances.sdm_metres(*where, k)) for k in SDM_METRES_AT]


def _dis(found: Found) -> list[Figure]:
    where = found.queries_at, found.gallery_at, found.ranking.best
    return [Figure(f"Dis@{k}", distances.mean_distance(*where, k), "m") for k in DIS_AT]


def _ma(found: Found) -> list[Figure]:
    top1_m = distances.haversine_m(found.queries_at, found.gallery_at, found.ranking.best[:, :1])
    return [Figure(f"MA@{m}m", distances.within(top1_m, m)) for m in MA_M]


_MAKERS: dict[Metric, Callable[[Found], list[Figure]]] = {
    "recall": _recall,
    "ap_trapezoid": lambda found: [Figure("AP", metrics.ap_trapezoid(found.ranking))],
    "ap_step": lambda found: [Figure("AP-step", metrics.ap_step(found.ranking))],
    "recall_pairs": _recall_pairs,
    "hit_rate": lambda found: [Figure("hit rate", metrics.hit_rate(found.ranking))],
    "sdm_degrees": _sdm_degrees,
    "sdm_metres": _sdm_metres,
    "ma": _ma,
    "dis": _dis,
}


def _metres(found: Found) -> list[Figure]:
    """Return errors of the best entry in metres, for a test with locations on WGS 84."""
    if not (distances.geographic(found.task.queries) and distances.geographic(found.task.gallery)):
        return []
    top1_m = distances.geodesic_m(found.queries_at, found.gallery_at, found.ranking.best[:, :1])
    return [
        Figure("median", float(np.median(top1_m)), "m"),
        Figure("p90", float(np.percentile(top1_m, 90)), "m"),
        *(Figure(f"L@{m}m", distances.within(top1_m, m)) for m in WITHIN_M),
    ]
