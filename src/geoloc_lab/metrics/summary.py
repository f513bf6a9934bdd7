# SPDX-License-Identifier: Apache-2.0
"""Computes all metrics of a report from its records; distances are metres on the WGS 84 ellipsoid."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.errors import BagError
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.consistency import Consistency, consistency_of
from geoloc_lab.metrics.continuity import Continuity, continuity
from geoloc_lab.metrics.records import Record
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, FalseFixes, Risk, false_fixes, risk_of
from geoloc_lab.metrics.scalar_metrics import intervals_of
from geoloc_lab.metrics.statistics import mean, quantile, share_within

RADII_M = (5, 10, 25, 50, 100)
_MIN_STEP_M = 0.5  # shorter steps between true positions are too short to give the direction of flight


@dataclass(frozen=True)
class Summary:
    """The metrics of a run; NaN if a metric cannot be computed.

    Errors are over the frames with a fix. The shares `within_*` and `availability` are over all frames with a
    truth, so a refused frame counts as a miss. Biases are medians of signed errors: along-track is positive
    ahead of the truth, cross-track is positive to its right. `intervals` holds 95 % bootstrap intervals by
    the key of the metric (`geoloc_lab.metrics.scalar_metrics`).
    """

    frames: int
    frames_without_truth: int
    fixes: int
    availability: float
    median_m: float
    mean_m: float
    p90_m: float
    p95_m: float
    max_m: float
    within_m: Mapping[int, float]
    within_pitch: float
    within_tile: float
    along_track_bias_m: float
    cross_track_bias_m: float
    refusals: Mapping[str, int]
    recall_at_1: float
    top_tile_within_pitch: float
    oracle_median_m: float
    oracle_p95_m: float
    continuity: Continuity
    consistency: Consistency
    risk: Risk
    false_fixes: Mapping[int, FalseFixes]
    intervals: Mapping[str, tuple[float, float]]
    latency_ms: Mapping[str, tuple[float, float]]
    pitch_m: float
    tile_m: float


def summarise(
    records: Sequence[Record], pitch_m: float, tile_m: float, kidnaps_ns: Sequence[int] | None = None
) -> Summary:
    """Return all metrics of a run.

    Args:
        records: frames in stamp order.
        pitch_m: spacing of the map's tiles.
        tile_m: width of a tile.
        kidnaps_ns: stamps of the kidnaps; None detects them as jumps of the truth.

    Raises:
        BagError: if no record has a truth.
    """
    scored = [record for record in records if record.has_truth]
    if not scored:
        raise BagError("no frame has a truth position; give a truth that covers the flight.")
    answers = Answers.of(scored)
    errors_m = answers.distance_m
    fixed_m = errors_m[np.isfinite(errors_m)]
    along_m, cross_m = track_bias_m(scored)
    return Summary(
        frames=len(scored),
        frames_without_truth=len(records) - len(scored),
        fixes=int(fixed_m.size),
        availability=fixed_m.size / len(scored),
        median_m=quantile(fixed_m, 0.5),
        mean_m=mean(fixed_m),
        p90_m=quantile(fixed_m, 0.9),
        p95_m=quantile(fixed_m, 0.95),
        max_m=quantile(fixed_m, 1.0),
        within_m={radius: share_within(errors_m, radius) for radius in RADII_M},
        within_pitch=share_within(errors_m, pitch_m),
        within_tile=share_within(errors_m, tile_m),
        along_track_bias_m=along_m,
        cross_track_bias_m=cross_m,
        refusals=refusals(scored),
        recall_at_1=recall_at_1(scored),
        top_tile_within_pitch=share_within(np.array([record.top_tile_error_m for record in scored]), pitch_m),
        oracle_median_m=quantile(_known([record.oracle_error_m for record in scored]), 0.5),
        oracle_p95_m=quantile(_known([record.oracle_error_m for record in scored]), 0.95),
        continuity=continuity(answers, kidnaps_ns),
        consistency=consistency_of(answers),
        risk=risk_of(answers),
        false_fixes={radius: false_fixes(answers, radius) for radius in FALSE_BEYOND_M},
        intervals=intervals_of(answers),
        latency_ms=latency_quantiles_ms(records),
        pitch_m=pitch_m,
        tile_m=tile_m,
    )


def horizontal_errors_m(records: Sequence[Record]) -> Float64Array:
    """Return the distances from truth to estimate (n,); NaN without a fix or a truth."""
    errors_m = np.full(len(records), math.nan)
    known = [i for i, record in enumerate(records) if record.has_fix and record.has_truth]
    if known:
        points = np.array(
            [
                (r.truth_latitude_deg, r.truth_longitude_deg, r.latitude_deg, r.longitude_deg)
                for r in (records[i] for i in known)
            ]
        )
        errors_m[known] = geodesy.distance_m(*points.T)
    return errors_m


def track_directions(east_m: Float64Array, north_m: Float64Array) -> Float64Array:
    """Return the unit direction of flight (n, 2), east and north, at each position; NaN in a hover."""
    directions = np.full((east_m.size, 2), math.nan)
    if east_m.size < 2:
        return directions
    before = np.maximum(np.arange(east_m.size) - 1, 0)
    after = np.minimum(np.arange(east_m.size) + 1, east_m.size - 1)
    steps = np.column_stack([east_m[after] - east_m[before], north_m[after] - north_m[before]])
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    moving = lengths >= _MIN_STEP_M
    directions[moving] = steps[moving] / lengths[moving, None]
    return directions


def track_bias_m(records: Sequence[Record]) -> tuple[float, float]:
    """Return the median error along the true track (ahead positive) and across it (right positive).

    A delay shows as a negative along-track bias. Both are NaN with fewer than two truths, or in a hover.
    """
    known = [record for record in records if record.has_truth]
    if len(known) < 2:
        return math.nan, math.nan
    truth = np.array([(record.truth_latitude_deg, record.truth_longitude_deg) for record in known])
    east_m, north_m = geodesy.offset_m(truth[0, 0], truth[0, 1], truth[:, 0], truth[:, 1])
    directions = track_directions(np.asarray(east_m), np.asarray(north_m))
    estimate = np.array([(record.latitude_deg, record.longitude_deg) for record in known])
    usable = np.isfinite(directions[:, 0]) & np.isfinite(estimate[:, 0])
    if not usable.any():
        return math.nan, math.nan
    error_east_m, error_north_m = geodesy.offset_m(*truth[usable].T, *estimate[usable].T)
    forward_east, forward_north = directions[usable].T
    along_m = error_east_m * forward_east + error_north_m * forward_north
    cross_m = error_east_m * forward_north - error_north_m * forward_east
    return float(np.median(along_m)), float(np.median(cross_m))


def refusals(records: Sequence[Record]) -> dict[str, int]:
    """Return the number of refused frames by reason, most frequent first."""
    return dict(Counter(_reason(record) for record in records if not record.has_fix).most_common())


def refusal_sentences(records: Sequence[Record]) -> dict[str, str]:
    """Return a sentence for each reason of `refusals`: that of the first frame refused so."""
    said: dict[str, str] = {}
    for record in records:
        if record.has_truth and not record.has_fix and record.sentence:
            said.setdefault(_reason(record), record.sentence)
    return said


def _reason(record: Record) -> str:
    return str(record.reason) if record.reason else "no_answer"


def recall_at_1(records: Sequence[Record]) -> float:
    """Return the share of frames whose best tile is the tile nearest to the true centre of the view.

    Frames whose true tile is unknown do not count; a frame without a best tile counts as a miss.
    """
    known = [record.top_tile == record.true_tile for record in records if record.true_tile >= 0]
    return mean(np.array(known))


def latency_quantiles_ms(records: Sequence[Record]) -> dict[str, tuple[float, float]]:
    """Return median and 95th percentile of each stage's latency, milliseconds, in order of appearance."""
    stages = dict.fromkeys(stage for record in records for stage in record.latency_ms)
    values = {s: _known([record.latency_ms.get(s, math.nan) for record in records]) for s in stages}
    return {stage: (quantile(ms, 0.5), quantile(ms, 0.95)) for stage, ms in values.items()}


def _known(values: Sequence[float]) -> Float64Array:
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(array[np.isfinite(array)], dtype=np.float64)
