# SPDX-License-Identifier: Apache-2.0
"""Refinement stage: registers the view with the map's imagery and fuses the result with the belief.

Belief and registration are treated as independent Gaussians, so the mean is weighted by precision. The belief
has used the same view, but only as one descriptor; a good registration weighs many times more. If the two
differ by more than `GATE`, one of them is wrong. In 84 such frames (Chico, Massachusetts, the procedural
world; most with a compass error of 15 degrees) the median error was 8 m for the belief and 1 m for the
registration. So the registration is answered then, with a covariance that puts the belief at three sigmas.

The covariance of a registration does not include all errors, above all not that of the map's georeference.
`geoloc calibrate` measures them (`registration_m`), and the stage adds them.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import GeolocError
from geoloc.integrity import normalised_error
from geoloc.raster.colours import Rgb
from geoloc.refine.attitude_check import AttitudeCheck
from geoloc.refine.contract import Registration, Verdict
from geoloc.refine.methods import make_method
from geoloc.refine.pose import CameraPose
from geoloc.refine.refiner import Refiner

if TYPE_CHECKING:
    from geoloc.mapping.directory import MapDirectory

GATE = 9.21  # squared Mahalanobis distance: the 99 % quantile for two consistent estimates of one place
_SEARCHED_SIGMAS = 3.0
_OFFSET_ERROR = 0.015  # standard deviation of heading and scale of a registration


class NotRefined(GeolocError):  # noqa: N818 - not an error: the belief is answered unrefined
    """The reason why the belief of one frame is not refined."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Gaussian estimate of a place.

    Attributes:
        mean_m: mean (2,), east and north in the map's frame.
        covariance_m2: covariance (2, 2), metres².
        refined: whether the estimate includes a registration.
        attitude_m2: covariance (2, 2), metres², that the attitude's error adds, as measured in this view;
            None if it was not measured.
    """

    mean_m: Float64Array
    covariance_m2: Float64Array
    refined: bool = False
    attitude_m2: Float64Array | None = None


class RefineStage:
    """Refines the beliefs of one flight and counts the outcomes; for use from one thread.

    A frame that cannot be refined, for whatever reason, is answered with its belief.

    Args:
        map_directory: open map; its imagery is opened when the first view comes.
        method: one of `geoloc.refine.METHODS`.
        weights: folder with the learned matcher's weights, for the method `lightglue` alone.
        registration_m: measured standard deviation per axis of a confirmed registration; 0 if unknown.
        attitude: check of roll and pitch; None for one whose stated error is 0.

    Attributes:
        attitude: check of roll and pitch against the views that were registered.
        refined, not_refined: number of refined and unrefined frames so far; both 0 if the method is off.
        last_reason: reason of the last unrefined frame; empty if all frames were refined.

    Raises:
        ModelError: if the method's weights or packages are missing.
        ParameterError: if the method is unknown, or needs weights that are not given.
    """

    def __init__(
        self,
        map_directory: "MapDirectory",
        method: str,
        weights: str = "",
        registration_m: float = 0.0,
        attitude: AttitudeCheck | None = None,
    ) -> None:
        self.attitude = AttitudeCheck(0.0) if attitude is None else attitude
        self._method = method
        self._registration_m2 = np.eye(2) * registration_m**2
        self._refiner: Refiner | None = None
        if method != "off":
            self._refiner = Refiner(map_directory, make_method(method, Path(weights) if weights else None))
        self.refined = self.not_refined = 0
        self.last_reason = ""

    def refine(
        self, belief: Estimate, view_image: Rgb | None, offset_m: Float64Array, height_m: float = math.nan
    ) -> Estimate:
        """Fuse a belief with the registration of the view, if the registration is confirmed.

        Args:
            belief: belief about the camera's place.
            view_image: view, uint8 (S, S, 3); None if it is missing.
            offset_m: offset (2,), east and north, from the view's centre on the ground to the camera.
            height_m: height above ground; NaN leaves the attitude unchecked.

        Returns:
            The fused place of the camera, or else the belief.
        """
        if self._refiner is None:
            return belief
        try:
            found = _registration(self._refiner, belief, view_image, offset_m)
            both = fused(belief, _camera(found, offset_m))
            pose = self._pose(view_image, found, offset_m, height_m)
        except GeolocError as reason:
            self.not_refined += 1
            self.last_reason = str(reason)
            return belief
        self.refined += 1
        refined = Estimate(both.mean_m, both.covariance_m2 + self._registration_m2, refined=True)
        return refined if pose is None else self._with_attitude(refined, found, offset_m, pose)

    def _pose(
        self, view_image: Rgb | None, found: Registration, offset_m: Float64Array, height_m: float
    ) -> CameraPose | None:
        """Fit the camera's pose, and add it to the check of the attitude; None if it cannot be fitted."""
        if self._refiner is None or view_image is None or not (math.isfinite(height_m) and height_m > 0.0):
            return None
        pose = self._refiner.pose(view_image, found, offset_m, height_m)
        if pose is not None:
            self.attitude.add(pose)
        return pose

    def _with_attitude(
        self, place: Estimate, found: Registration, offset_m: Float64Array, pose: CameraPose
    ) -> Estimate:
        """Return a refined place, corrected by the measured tilt or as uncertain as the tilt makes it."""
        if not self.attitude.corrects:
            return replace(place, attitude_m2=self.attitude.covariance_m2(pose.height_m, offset_m, pose))
        corrected_m, covariance_m2 = pose.place_given(math.radians(self.attitude.error_deg))
        moved_m = corrected_m - found.camera_m(offset_m)
        return replace(place, mean_m=place.mean_m + moved_m, attitude_m2=covariance_m2)

    def facts(self) -> dict[str, object]:
        """Return the method and the counts, for `/diagnostics`."""
        if self._refiner is None:
            return {"refine": self._method}
        counts = {"refine": self._method, "refined": self.refined, "not_refined": self.not_refined}
        counts |= self.attitude.facts()
        return counts | ({"not_refined_last": self.last_reason} if self.last_reason else {})


def fused(one: Estimate, other: Estimate) -> Estimate:
    """Fuse two independent estimates of one place, weighted by their precision.

    If they differ by more than `GATE`, return `other` with a covariance that puts `one` at three sigmas.

    Raises:
        NotRefined: if a covariance is not positive definite.
    """
    apart_m = other.mean_m - one.mean_m
    distance = float(normalised_error(apart_m, one.covariance_m2 + other.covariance_m2))
    if not math.isfinite(distance):
        raise NotRefined("the covariance of the belief or the registration is not positive definite.")
    if distance > GATE:
        return Estimate(other.mean_m, other.covariance_m2 + np.outer(apart_m, apart_m) / 9.0)
    gain = np.linalg.solve(one.covariance_m2 + other.covariance_m2, one.covariance_m2).T
    covariance = one.covariance_m2 - gain @ one.covariance_m2
    return Estimate(one.mean_m + gain @ apart_m, (covariance + covariance.T) / 2.0)


def _registration(
    refiner: Refiner, belief: Estimate, view_image: Rgb | None, offset_m: Float64Array
) -> Registration:
    """Return the confirmed registration of the view, searched within three sigmas of the belief."""
    if view_image is None:
        raise NotRefined("no view came with the descriptor.")
    if not (np.isfinite(belief.mean_m).all() and np.isfinite(belief.covariance_m2).all()):
        raise NotRefined("the belief is not finite.")
    widest_m = math.sqrt(max(float(np.linalg.eigvalsh(belief.covariance_m2)[-1]), 0.0))
    centre_m = belief.mean_m - offset_m
    found = refiner.refine(view_image, float(centre_m[0]), float(centre_m[1]), _SEARCHED_SIGMAS * widest_m)
    if found.verdict is not Verdict.CONFIRMED:
        raise NotRefined(f"{found.verdict}: {found.sentence}.")
    return found


def _camera(found: Registration, offset_m: Float64Array) -> Estimate:
    """Return the camera's place by a registration, as uncertain as the registration and the offset are."""
    spread_m2 = (_OFFSET_ERROR * float(np.hypot(*offset_m))) ** 2
    return Estimate(found.camera_m(offset_m), found.covariance_m2 + np.eye(2) * spread_m2)
