# SPDX-License-Identifier: Apache-2.0
"""The rule for reference positions: which samples of a receiver or a table are a truth, and which are not.

Every source of truth obeys it: bags, tables, the topic that evaluation_node reads, and the reports that
`geoloc calibrate` reads.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from geoloc import geodesy
from geoloc.arrays import BoolArray, Float64Array, Int64Array
from geoloc.camera import messages
from geoloc.camera.message_types import NavSatFixMessage

Moved = Callable[[int, int], float]
"""Returns how far odometry moved between two stamps, metres; NaN if it is unknown."""

NO_FIX = "without a fix (STATUS_NO_FIX)"
NO_NUMBER = "NaN"
NULL_ISLAND = "at 0, 0"
WHOLE_NUMBERS = "in 1e-7 degrees"
OUT_OF_RANGE = "outside ±90, ±180 degrees"
NO_STAMP = "with the stamp 0"
STALE = "repeated while the drone moved"

_NS_PER_S = 1_000_000_000
_STATUS_NO_FIX = -1
_JUMP_M, _JUMP_MPS = 50.0, 100.0
_STANDING_M = 1.0  # a receiver that held its position may step so far when it is released
_ACCELERATION_MPS2 = 5.0
_BRAKING_S = 1.0  # time before a halt over which the speed is measured
_TELLING_S = 2.0
_ODOMETRY_M, _ODOMETRY_MPS = 10.0, 0.5  # odometry that moves by more has not merely drifted


class TruthSample(NamedTuple):
    """One reference position.

    Attributes:
        stamp_ns: time of the position.
        latitude_deg, longitude_deg: the position, WGS 84.
        has_fix: False if the receiver says that it has no fix.
    """

    stamp_ns: int
    latitude_deg: float
    longitude_deg: float
    has_fix: bool = True


def truth_sample(message: NavSatFixMessage) -> TruthSample:
    """Return the reference position that a `NavSatFix` states, of rclpy or of rosbags."""
    place = float(message.latitude), float(message.longitude)
    return TruthSample(messages.stamp_ns(message), *place, has_fix=has_fix(message))


def has_fix(message: NavSatFixMessage) -> bool:
    """Return whether a `NavSatFix` states a position; a status that was never set does not deny it."""
    return message.status.status != _STATUS_NO_FIX


def jumped(distance_m: Float64Array | float, seconds: Float64Array | float) -> BoolArray:
    """Return True where two truth samples are too far apart to belong to one flight.

    The distance must exceed 50 m, and the speed 100 m/s. The result has the shape of the arguments.
    """
    distance, time_s = np.asarray(distance_m), np.asarray(seconds)
    return np.asarray((distance > _JUMP_M) & (distance > _JUMP_MPS * time_s))


def is_place(latitude_deg: float, longitude_deg: float) -> bool:
    """Return whether numbers can be a measured position: finite, in range, and not exactly 0, 0."""
    return not _flaw(latitude_deg, longitude_deg)


def usable(
    samples: Sequence[TruthSample], moved: Moved | None = None
) -> tuple[list[TruthSample], Mapping[str, int]]:
    """Return the samples that are a truth, and the number of the others by cause.

    A receiver without a fix often repeats its last position. Such repeats are no truth if the drone moved:
    the position after them is farther away than a standing vehicle gets in one step, or they begin in full
    flight and never end, or odometry moved. Repeats of a vehicle that stood are kept.

    Args:
        samples: samples in any order; of several with one stamp, the last counts.
        moved: motion by odometry; asked only about repeated positions.

    Returns:
        Samples in stamp order, one a stamp, and counts by `NO_FIX`, `STALE` and so on.
    """
    left_out: Counter[str] = Counter()
    unstamped = sum(sample.stamp_ns == 0 for sample in samples) > 1
    known: dict[int, TruthSample] = {}
    for sample in samples:
        flaw = NO_STAMP if unstamped and sample.stamp_ns == 0 else _flaw_of(sample)
        if flaw:
            left_out[flaw] += 1
        else:
            known[sample.stamp_ns] = sample
    ordered = [known[stamp] for stamp in sorted(known)]
    stale = _stale(ordered, moved or (lambda _start, _end: math.nan))
    if stale.any():
        left_out[STALE] = int(stale.sum())
    return [sample for sample, is_stale in zip(ordered, stale, strict=True) if not is_stale], left_out


def _flaw_of(sample: TruthSample) -> str:
    return _flaw(sample.latitude_deg, sample.longitude_deg) if sample.has_fix else NO_FIX


def _flaw(latitude_deg: float, longitude_deg: float) -> str:
    if not (math.isfinite(latitude_deg) and math.isfinite(longitude_deg)):
        return NO_NUMBER
    if latitude_deg == longitude_deg == 0.0:
        return NULL_ISLAND
    if abs(latitude_deg) <= 90.0 and abs(longitude_deg) <= 180.0:
        return ""
    is_scaled = abs(latitude_deg) <= 90e7 and abs(longitude_deg) <= 180e7
    return WHOLE_NUMBERS if is_scaled and max(abs(latitude_deg), abs(longitude_deg)) > 1e5 else OUT_OF_RANGE


def _stale(samples: Sequence[TruthSample], moved: Moved) -> BoolArray:
    """Return True for each sample that repeats an old position while the drone moved."""
    stamps = np.array([sample.stamp_ns for sample in samples], dtype=np.int64)
    places = np.array([sample[1:3] for sample in samples], dtype=np.float64).reshape(-1, 2)
    stale = np.zeros(len(samples), dtype=np.bool_)
    changes = np.flatnonzero(np.any(places[1:] != places[:-1], axis=1)) + 1
    for first, end in itertools.pairwise([0, *map(int, changes), len(samples)]):
        if end - first > 1 and _has_moved(stamps, places, first, end, moved):
            stale[first + 1 : end] = True
    return stale


def _has_moved(stamps: Int64Array, places: Float64Array, first: int, end: int, moved: Moved) -> bool:
    """Return whether the drone moved during the equal positions first to end - 1."""
    is_last = end == len(stamps)
    if not is_last and _is_beyond_standing(stamps, places, end - 1, end):
        # A jump that no flight explains is a kidnap.
        return not jumped(_apart_m(places, end - 1, end), _seconds(stamps, first, end))
    # A step over a long time tells nothing, so the approach decides.
    if first > 0 and (is_last or _seconds(stamps, end - 1, end) > _TELLING_S):
        braking = int(np.searchsorted(stamps, stamps[first] - round(_BRAKING_S * _NS_PER_S)))
        before = min(braking, first - 1)
        if _is_beyond_standing(stamps, places, before, first):
            return not jumped(_apart_m(places, before, first), _seconds(stamps, before, first))
    drift_m = max(_ODOMETRY_M, _ODOMETRY_MPS * _seconds(stamps, first, end - 1))
    return moved(int(stamps[first]), int(stamps[end - 1])) > drift_m


def _is_beyond_standing(stamps: Int64Array, places: Float64Array, one: int, other: int) -> bool:
    """Return whether two positions are farther apart than a start from, or a stop at, one of them allows."""
    allowed_m = _STANDING_M + _ACCELERATION_MPS2 / 2 * _seconds(stamps, one, other) ** 2
    return _apart_m(places, one, other) > allowed_m


def _apart_m(places: Float64Array, one: int, other: int) -> float:
    return float(geodesy.distance_m(*places[one], *places[other]))


def _seconds(stamps: Int64Array, one: int, other: int) -> float:
    return float(stamps[other] - stamps[one]) / _NS_PER_S
