# SPDX-License-Identifier: Apache-2.0
"""Check of the attitude against the map: are roll and pitch as accurate as stated?

Each registered view shows by its perspective how wrong roll and pitch were (`geoloc.refine.pose`), to about
a degree. If the last views are tilted by clearly more than `attitude_error_deg` allows, the covariance of
every answer contains the error that they show instead of the stated one, and a sentence says so. Causes are
noise, wrong stamps or mount, a gimbal that reports zeros, and a fixed wing whose roll and pitch nobody
publishes.
"""

import math
from collections import deque

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float64Array
from geoloc.refine.pose import CameraPose

_KEPT = 24  # views
_FEWEST = 6  # views, below which nothing is said
_MEDIAN = 2.0 * math.log(2.0)  # median of χ² with two degrees of freedom
# A tilt counts as more than stated if it exceeds both:
_CLEARLY = 1.5  # times the stated error
_RESOLVED = 2.0  # times the error of one measurement
_OUTLIER = 13.8  # squared normalized tilt: 99.9 % quantile of χ² with two degrees of freedom


class AttitudeCheck:
    """Error of roll and pitch: as stated, or as the last registered views show it if that is clearly more.

    Args:
        stated_deg: standard deviation of roll and pitch as stated.
        corrects: whether answers are corrected by the measured tilt.
    """

    def __init__(self, stated_deg: float, corrects: bool = False) -> None:
        self._stated_deg = stated_deg
        self.corrects = corrects
        self._squares: deque[float] = deque(maxlen=_KEPT)  # squared length of a tilt, radians²
        self._own: deque[float] = deque(maxlen=_KEPT)  # variance per axis of its measurement

    def add(self, pose: CameraPose) -> None:
        """Add the tilt that one view shows."""
        self._squares.append(float(pose.tilt_rad @ pose.tilt_rad))
        self._own.append(float(np.trace(pose.tilt_covariance_rad2)) / 2.0)

    @property
    def seen_deg(self) -> float:
        """Standard deviation of roll and pitch in the last views; NaN before enough of them were measured."""
        if len(self._squares) < _FEWEST:
            return math.nan
        variance = float(np.median(self._squares)) / _MEDIAN - float(np.median(self._own))
        return math.degrees(math.sqrt(max(variance, 0.0)))

    @property
    def error_deg(self) -> float:
        """Standard deviation of roll and pitch that answers must allow for."""
        return self.seen_deg if self._exceeded else self._stated_deg

    def covariance_m2(
        self, height_m: float, offset_m: Float64Array, pose: CameraPose | None = None
    ) -> Float64Array:
        """Return the covariance (2, 2) of an uncorrected place that the attitude's error causes.

        Args:
            height_m: height above ground.
            offset_m: offset (2,) from the view's centre to the camera.
            pose: pose that the view shows; if its tilt is far beyond `error_deg`, it is added.
        """
        covariance = integrity.attitude_covariance_m2(height_m, offset_m, self.error_deg)
        if pose is not None:
            spread = pose.tilt_covariance_rad2 + np.eye(2) * math.radians(self.error_deg) ** 2
            if pose.tilt_rad @ np.linalg.solve(spread, pose.tilt_rad) > _OUTLIER:
                shift_m = integrity.tilt_shift(height_m, offset_m) @ pose.tilt_rad
                covariance = covariance + np.outer(shift_m, shift_m)
        return np.asarray(covariance)

    @property
    def concern(self) -> str:
        """How the views contradict the stated error, with the remedy; empty if they do not."""
        if not self._exceeded:
            return ""
        remedy = "" if self.corrects else " and estimate_tilt to true"
        return (
            f"the registered views are tilted against the map by {self.seen_deg:.1f} degrees, but "
            f"attitude_error_deg is {self._stated_deg:g}; check roll and pitch in imu, their stamps and "
            f"mount_rpy_deg, or set attitude_error_deg to {math.ceil(self.seen_deg)}{remedy}."
        )

    def facts(self) -> dict[str, object]:
        """Return what was seen, for `/diagnostics`."""
        return {} if math.isnan(self.seen_deg) else {"tilt_seen_deg": f"{self.seen_deg:.1f}"}

    @property
    def _exceeded(self) -> bool:
        if len(self._squares) < _FEWEST:
            return False
        resolved_deg = _RESOLVED * math.degrees(math.sqrt(float(np.median(self._own))))
        return self.seen_deg > max(_CLEARLY * self._stated_deg, resolved_deg)
