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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import GeolocError
from geoloc.integrity import normalised_error
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import Verdict
from geoloc.refine.methods import make_method
from geoloc.refine.refiner import Refiner

if TYPE_CHECKING:
    from geoloc.mapping.directory import MapDirectory

GATE = 9.21  # squared Mahalanobis distance: the 99 % quantile for two consistent estimates of one place
_SEARCHED_SIGMAS = 3.0


class NotRefined(GeolocError):  # noqa: N818 - not an error: the belief is answered unrefined
    """The reason why the belief of one frame is not refined."""


@dataclass(frozen=True, eq=False)
class Estimate:
    """Gaussian estimate of a place.

    Attributes:
        mean_m: mean (2,), east and north in the map's frame.
        covariance_m2: covariance (2, 2), metres².
        refined: whether the estimate includes a registration.
    """

    mean_m: Float64Array
    covariance_m2: Float64Array
    refined: bool = False


class RefineStage:
    """Refines the beliefs of one flight and counts the outcomes; for use from one thread.

    A frame that cannot be refined, for whatever reason, is answered with its belief.

    Args:
        map_directory: open map; its imagery is opened when the first view comes.
        method: one of `geoloc.refine.METHODS`.
        weights: folder with the learned matcher's weights, for the method `lightglue` alone.
        registration_m: measured standard deviation per axis of a confirmed registration; 0 if unknown.

    Attributes:
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
    ) -> None:
        self._method = method
        self._registration_m2 = np.eye(2) * registration_m**2
        self._refiner: Refiner | None = None
        if method != "off":
            self._refiner = Refiner(map_directory, make_method(method, Path(weights) if weights else None))
        self.refined = self.not_refined = 0
        self.last_reason = ""

    def refine(self, belief: Estimate, view_image: Rgb | None, offset_m: Float64Array) -> Estimate:
        """Fuse a belief with the registration of the view, if the registration is confirmed.

        Args:
            belief: belief about the camera's place.
            view_image: view, uint8 (S, S, 3); None if it is missing.
            offset_m: offset (2,), east and north, from the view's centre on the ground to the camera.

        Returns:
            The fused place of the camera, or else the belief.
        """
        if self._refiner is None:
            return belief
        try:
            both = fused(belief, _registered(self._refiner, belief, view_image, offset_m))
        except GeolocError as reason:
            self.not_refined += 1
            self.last_reason = str(reason)
            return belief
        self.refined += 1
        return Estimate(both.mean_m, both.covariance_m2 + self._registration_m2, refined=True)

    def facts(self) -> dict[str, object]:
        """Return the method and the counts, for `/diagnostics`."""
        if self._refiner is None:
            return {"refine": self._method}
        counts = {"refine": self._method, "refined": self.refined, "not_refined": self.not_refined}
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


def _registered(
    refiner: Refiner, belief: Estimate, view_image: Rgb | None, offset_m: Float64Array
) -> Estimate:
    """Return the camera's place by registration, searched within three sigmas of the belief."""
    if view_image is None:
        raise NotRefined("no view came with the descriptor.")
    if not (np.isfinite(belief.mean_m).all() and np.isfinite(belief.covariance_m2).all()):
        raise NotRefined("the belief is not finite.")
    widest_m = math.sqrt(max(float(np.linalg.eigvalsh(belief.covariance_m2)[-1]), 0.0))
    centre_m = belief.mean_m - offset_m
    found = refiner.refine(view_image, float(centre_m[0]), float(centre_m[1]), _SEARCHED_SIGMAS * widest_m)
    if found.verdict is not Verdict.CONFIRMED:
        raise NotRefined(f"{found.verdict}: {found.sentence}.")
    return Estimate(np.array([found.east_m, found.north_m]) + offset_m, found.covariance_m2)
