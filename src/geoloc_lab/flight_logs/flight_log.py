# SPDX-License-Identifier: Apache-2.0
"""A flight as an autopilot has logged it: attitude, position and height over time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.camera.attitude import Quaternion, between
from geoloc_lab.bags.truth_samples import is_place

_ENU_FROM_NED: Float64Array = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
_FRD_FROM_FLU: Float64Array = np.diag([1.0, -1.0, -1.0])
_ATTITUDE_GAP_S, _POSITION_GAP_S, _HEIGHT_GAP_S = 1.0, 3.0, 3.0


@dataclass(frozen=True)
class Track:
    """Samples of one quantity.

    Attributes:
        utc_s: time of each sample since 1970, increasing, (n,).
        values: samples, (n, k).
    """

    utc_s: Float64Array
    values: Float64Array

    def around(self, utc_s: float, gap_s: float) -> tuple[int, float] | None:
        """Return the sample before a time, and the share of the way to the next.

        None if the time is outside the track, or in a gap longer than `gap_s`.
        """
        after = int(np.searchsorted(self.utc_s, utc_s))
        if after < len(self.utc_s) and self.utc_s[after] == utc_s:
            return (after, 0.0)
        if after in (0, len(self.utc_s)) or self.utc_s[after] - self.utc_s[after - 1] > gap_s:
            return None
        step_s = self.utc_s[after] - self.utc_s[after - 1]
        return after - 1, float((utc_s - self.utc_s[after - 1]) / step_s)


@dataclass(frozen=True)
class LoggedPose:
    """Attitude (x, y, z, w) from the body (forward, left, up) to east, north, up; position; height."""

    quaternion: Quaternion
    latitude_deg: float
    longitude_deg: float
    height_m: float


@dataclass(frozen=True)
class FlightLog:
    """A log of a flight.

    Attributes:
        path: the file.
        attitude: quaternions x, y, z, w from the body (forward, left, up) to east, north, up, (n, 4).
        position: latitude and longitude, degrees, (n, 2).
        height: height, metres, (n, 1).
        height_is: what the height is measured from, such as "above take-off".
    """

    path: Path
    attitude: Track
    position: Track
    height: Track
    height_is: str

    @property
    def has_poses(self) -> bool:
        """Whether there is a time with attitude, position and height."""
        times_s = [track.utc_s for track in (self.attitude, self.position, self.height)]
        return all(map(len, times_s)) and max(t[0] for t in times_s) < min(t[-1] for t in times_s)

    def at(self, utc_s: float) -> LoggedPose | None:
        """Return the pose at a time; None outside the log, and in its gaps."""
        turn = self.attitude.around(utc_s, _ATTITUDE_GAP_S)
        place = self.position.around(utc_s, _POSITION_GAP_S)
        level = self.height.around(utc_s, _HEIGHT_GAP_S)
        if turn is None or place is None or level is None:
            return None
        latitude, longitude = _linear(self.position, place)
        return LoggedPose(_slerp(self.attitude, turn), latitude, longitude, _linear(self.height, level)[0])


def track(utc_s: Float64Array, values: Float64Array) -> Track:
    """Return a track of the samples that are finite, in order of time, one for each time."""
    finite = np.isfinite(utc_s) & np.isfinite(values).all(axis=1)
    times, first = np.unique(utc_s[finite], return_index=True)
    return Track(times, values[finite][first])


def enu_quaternions(ned_from_frd: Rotation) -> Float64Array:
    """Return attitudes from body (forward, left, up) to east, north, up, (n, 4) as x, y, z, w."""
    turned = _ENU_FROM_NED @ ned_from_frd.as_matrix() @ _FRD_FROM_FLU
    return np.asarray(Rotation.from_matrix(turned).as_quat())


def on_earth(latitude_deg: Float64Array, longitude_deg: Float64Array) -> Float64Array:
    """Return positions (n, 2), with NaN where they are out of range or 0, 0, which stands for no fix."""
    places = np.column_stack([latitude_deg, longitude_deg])
    good = np.array([is_place(*place) for place in places.tolist()], dtype=bool)
    return np.where(good[:, None], places, np.nan)


def _linear(samples: Track, at: tuple[int, float]) -> list[float]:
    before, share = at
    after = min(before + 1, len(samples.values) - 1)
    mixed = (1.0 - share) * samples.values[before] + share * samples.values[after]
    return [float(value) for value in mixed]


def _slerp(samples: Track, at: tuple[int, float]) -> Quaternion:
    before, share = at
    first, second = (
        _quaternion(samples.values[i]) for i in (before, min(before + 1, len(samples.values) - 1))
    )
    return _quaternion(Rotation.from_matrix(between(first, second, share)).as_quat())


def _quaternion(values: Float64Array) -> Quaternion:
    x, y, z, w = (float(value) for value in values)
    return x, y, z, w
