# SPDX-License-Identifier: Apache-2.0
"""Corrects a gimbal's heading that is wrong by a constant, by the heading of the aircraft.

Some drones of DJI record a gimbal yaw that is off by tens of degrees, by another constant after each start
(measured on a Mavic Air 2; https://github.com/dji-sdk/Onboard-SDK/issues/852 reports it of others). Their
gimbals follow the aircraft and cannot be panned by the pilot, so a constant difference between the two
headings is an error. The constant is the median difference of neighbouring photos with similar differences.
One photo's difference is too rough, because the aircraft sways against the camera by about 10 degrees.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from geoloc.arrays import Float64Array
from geoloc_lab.photo_flights.attitude import gimbal_rotation
from geoloc_lab.photo_flights.photos import Gimbal, Photo
from geoloc_lab.photo_flights.remarks import few

_AROUND = 4
"""Number of photos before and after one whose differences give its median."""
_SCATTER_DEG = 18.0
"""Farthest that the differences of two photos of a flight lie apart; up to 15 degrees are measured."""
_NADIR_PITCH_DEG = -75.0
_PAN_LIMIT_DEG = 45.0
"""Farthest that the gimbal of a drone that follows its heading turns aside, at the ends of its travel."""
_FOLLOWED_DEG = 60.0
# With more photos, a smaller difference cannot be chance: a gimbal lags by up to 20 degrees in a turn.
_LEAST_DEG = {1: _PAN_LIMIT_DEG, 2: 20.0, 3: 20.0}
_LEAST_OF_MANY_DEG = 10.0
_PANNED = re.compile(
    r"FC350|FC550|FC65[0-9]0|\bX[3457]S?\b|ZENMUSE|\bZ?H[23]0|\bZ30|\bXT|\bM30|\b[LP][12]\b", re.IGNORECASE
)
"""Cameras whose gimbals the pilot pans: Zenmuse, and that of the M30."""


@dataclass(frozen=True)
class Headings:
    """Photos with corrected gimbal angles, and a sentence for each finding."""

    photos: tuple[Photo, ...]
    remarks: tuple[str, ...]


def heading_deg(gimbal: Gimbal) -> float:
    """Return the bearing of the top of the image, -180 to 180, also for a gimbal that has rolled over."""
    rotation = gimbal_rotation(gimbal)
    east, north, _ = rotation[:, 2] - rotation[:, 1]
    return float(np.degrees(np.arctan2(east, north)))


def corrected_headings(photos: Sequence[Photo]) -> Headings:
    """Compare the gimbal's heading with the aircraft's, and correct it where it is wrong by a constant.

    Args:
        photos: photos of one or more flights, in any order; those without both headings stay as they are.
    """
    result = list(photos)
    corrected: dict[str, float] = {}
    unsure: dict[str, float] = {}
    for model in sorted({photo.model for photo in photos}):
        order = sorted(
            (i for i, photo in enumerate(photos) if photo.model == model and _both(photo)),
            key=lambda i: photos[i].taken,
        )
        differences = np.array([_difference_deg(photos[i]) for i in order])
        for place, i in enumerate(order):
            group = _alike(place, differences)
            found = _judge([photos[order[j]] for j in group], differences[group])
            name = photos[i].path.name
            if found.wrong:
                corrected[name] = found.median_deg
                result[i] = _turned(photos[i], -found.median_deg)
            elif found.apart:
                unsure[name] = found.median_deg
    return Headings(tuple(result), (*_told_corrected(corrected), *_told_unsure(unsure)))


def _alike(place: int, differences_deg: Float64Array) -> list[int]:
    """Return the places of the neighbours in time whose difference is that of a photo, and its own."""
    first = max(0, min(place - _AROUND, len(differences_deg) - 2 * _AROUND - 1))
    near = np.arange(first, min(first + 2 * _AROUND + 1, len(differences_deg)))
    unlike_deg = np.abs(_wrapped(differences_deg[near] - differences_deg[place]))
    return [int(i) for i in near[unlike_deg <= _SCATTER_DEG]]


@dataclass(frozen=True)
class _Finding:
    median_deg: float
    apart: bool
    wrong: bool


def _judge(photos: Sequence[Photo], differences_deg: Float64Array) -> _Finding:
    median_deg = _circular_median_deg(differences_deg)
    apart = abs(median_deg) > _LEAST_DEG.get(len(photos), _LEAST_OF_MANY_DEG)
    nadir = all(photo.gimbal is not None and photo.gimbal.pitch_deg <= _NADIR_PITCH_DEG for photo in photos)
    beyond = abs(median_deg) > _PAN_LIMIT_DEG
    wrong = apart and not _PANNED.search(photos[0].model)
    return _Finding(median_deg, apart, wrong and (nadir or beyond or _follows(photos)))


def _follows(photos: Sequence[Photo]) -> bool:
    """Return whether the aircraft turned while the gimbal kept its difference, so that it follows."""
    yaws = np.array([photo.flight_yaw_deg for photo in photos], dtype=np.float64)
    return bool(np.ptp(_wrapped(yaws - yaws[0])) > _FOLLOWED_DEG)


def _both(photo: Photo) -> bool:
    return photo.gimbal is not None and photo.flight_yaw_deg is not None


def _difference_deg(photo: Photo) -> float:
    assert photo.gimbal is not None  # the caller has chosen such photos
    return float(_wrapped(heading_deg(photo.gimbal) - (photo.flight_yaw_deg or 0.0)))


def _turned(photo: Photo, by_deg: float) -> Photo:
    assert photo.gimbal is not None
    return replace(photo, gimbal=replace(photo.gimbal, yaw_deg=photo.gimbal.yaw_deg + by_deg))


def _wrapped(angles_deg: ArrayLike) -> Float64Array:
    return np.asarray((np.asarray(angles_deg) + 180.0) % 360.0 - 180.0)


def _circular_median_deg(angles_deg: Float64Array) -> float:
    """Return the median on the circle: that about the angle with the least sum of distances to the others."""
    apart = np.abs(_wrapped(angles_deg[:, None] - angles_deg[None, :])).sum(axis=1)
    centre = angles_deg[int(np.argmin(apart))]
    return float(_wrapped(centre + np.median(_wrapped(angles_deg - centre))))


def _told_corrected(found: dict[str, float]) -> Iterable[str]:
    if found:
        least, most = min(found.values()), max(found.values())
        span = f"{least:+.0f}" if most - least < 1.0 else f"{least:+.0f} to {most:+.0f}"
        yield (
            f"GimbalYawDegree is wrong by a constant ({span} degrees against FlightYawDegree) in "
            f"{few(found)}; the heading is taken from the aircraft."
        )


def _told_unsure(found: dict[str, float]) -> Iterable[str]:
    if found:
        largest = max(abs(angle) for angle in found.values())
        yield (
            f"GimbalYawDegree and FlightYawDegree differ by up to {largest:.0f} degrees in {few(found)}, "
            "and either may be right; the gimbal's is taken, so set "
            f"--heading-error {min(180, 5 + round(largest))} to try both."
        )
