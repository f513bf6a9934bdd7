# SPDX-License-Identifier: Apache-2.0
"""Warps frames to views by their pose, with substitutes for missing parts of the pose.

A frame with height, attitude and calibration becomes the same view as in flight (`posed`). For a frame
without height or calibration, the width of its footprint is assumed (`scaled`). A frame without attitude is
assumed to look straight down, and its heading is searched for (`turned`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.errors import CameraError, FrameRefused, ParameterError, Reason
from geoloc_lab.bags.playback import feed
from geoloc_lab.bags.reading import AttitudeSample, CameraSample, HeightSample, Sample
from geoloc_training.adaptation.headings import HEADINGS_DEG

Choose = Callable[[NDArray[np.uint8]], int]

POSED, SCALED, TURNED = "posed", "scaled", "turned"
KINDS: Mapping[str, str] = {
    POSED: "warped by height, attitude and calibration",
    SCALED: "warped by their attitude with an assumed height or calibration",
    TURNED: "warped without attitude, looking straight down at the heading most similar to the map",
}
_HIGHEST_M = 20_000.0
_NO_ATTITUDE = {Reason.NO_ATTITUDE, Reason.BAD_ATTITUDE}
_MISSING = _NO_ATTITUDE | {
    Reason.NO_CAMERA_INFO,
    Reason.BAD_CAMERA_INFO,
    Reason.NO_HEIGHT,
    Reason.STALE_HEIGHT,
}


@dataclass(frozen=True)
class Assumptions:
    """Substitutes for missing parts of a pose, stated by the user.

    Attributes:
        footprint_m: metres of ground along the shorter side of a frame; None if not stated.
        height_m: height above ground of frames with a calibration; None if not stated.

    Raises:
        ParameterError: a value is not positive.
    """

    footprint_m: float | None = None
    height_m: float | None = None

    def __post_init__(self) -> None:
        for name, option in (("footprint_m", "--footprint-m"), ("height_m", "--assumed-height-m")):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{option} is {value}; give a positive number of metres.")


class FootprintUnknown(Exception):  # noqa: N818 - a result that a second pass handles, no error
    """The footprint of a frame is unknown and must be taken from the other frames."""


class Warper:
    """A camera rig with substitutes for missing parts of a frame's pose.

    Args:
        settings: mount, limits, and the size of a view.
        assumed: substitutes that the user stated.
    """

    def __init__(self, settings: RigSettings, assumed: Assumptions) -> None:
        # The limits of height do not apply to an assumed height.
        free = replace(settings, min_height_m=0.0, max_height_m=_HIGHEST_M)
        self._assumed = assumed
        self._rig, self._turned = CameraRig(settings), CameraRig(free)  # the latter is fed attitudes only
        self._straight = replace(free, mount_rpy_deg=NADIR_MOUNT_RPY_DEG)
        self._height_m: float | None = None
        self._lens: Intrinsics | None = None

    def take(self, sample: Sample) -> None:
        """Feed a sample other than an image; ignore a sample that the rig refuses."""
        try:
            feed(self._rig, sample)
        except FrameRefused:
            return
        if isinstance(sample, AttitudeSample):
            feed(self._turned, sample)
        elif isinstance(sample, HeightSample):
            self._height_m = sample.height_m
        elif isinstance(sample, CameraSample):
            self._lens = sample.intrinsics

    def ready(self, stamp_ns: int) -> bool:
        """Return True if no later sample can change the attitude at a stamp."""
        return self._rig.ready(stamp_ns)

    def footprint_m(self, image: NDArray[np.uint8]) -> float | None:
        """Return metres of ground along a frame's (H, W, 3) shorter side; None without height or lens."""
        lens, height_m = self._fitting(image), self._height_m or self._assumed.height_m
        return None if lens is None or height_m is None else height_m * _shorter_per_metre(lens)

    def view(
        self, stamp_ns: int, image: NDArray[np.uint8], fallback_m: float | None, choose: Choose
    ) -> tuple[str, NDArray[np.uint8]]:
        """Warp a frame to a view.

        Args:
            stamp_ns: the frame's stamp.
            image: uint8 RGB (H, W, 3).
            fallback_m: metres of ground along the shorter side of a frame whose footprint is unknown.
            choose: returns the index of the north-up view among several rotated views of the frame.

        Returns:
            Kind of the view, one of `KINDS`, and the view, uint8 (S, S, 3).

        Raises:
            FrameRefused: the frame is unusable, for another reason than a missing part of its pose.
            FootprintUnknown: the footprint is unknown and `fallback_m` is None.
        """
        try:
            return POSED, self._rig.view(stamp_ns, image).image
        except FrameRefused as refusal:
            if refusal.reason not in _MISSING:
                raise
        footprint_m = self.footprint_m(image) or self._assumed.footprint_m or fallback_m
        if footprint_m is None:
            raise FootprintUnknown
        try:
            return SCALED, self._substituted(self._turned, stamp_ns, image, footprint_m)
        except FrameRefused as refusal:
            if refusal.reason not in _NO_ATTITUDE:
                raise
        ways = [self._straight_down(stamp_ns, image, footprint_m, heading) for heading in HEADINGS_DEG]
        return TURNED, ways[choose(np.stack(ways))]

    def _straight_down(
        self, stamp_ns: int, image: NDArray[np.uint8], footprint_m: float, heading_deg: float
    ) -> NDArray[np.uint8]:
        """Return the view of a camera that looks straight down, with the top of its image at a heading."""
        rig = CameraRig(self._straight)
        half_rad = math.radians(90.0 - heading_deg) / 2
        rig.add_attitude(stamp_ns, (0.0, 0.0, math.sin(half_rad), math.cos(half_rad)))
        return self._substituted(rig, stamp_ns, image, footprint_m)

    def _substituted(
        self, rig: CameraRig, stamp_ns: int, image: NDArray[np.uint8], footprint_m: float
    ) -> NDArray[np.uint8]:
        """Return the view of a rig with attitudes only, at the height that gives the frame its footprint."""
        lens = self._fitting(image) or _pinhole(image.shape[1], image.shape[0])
        rig.set_intrinsics(lens)
        rig.add_height(stamp_ns, footprint_m / _shorter_per_metre(lens))
        return rig.view(stamp_ns, image).image

    def _fitting(self, image: NDArray[np.uint8]) -> Intrinsics | None:
        """Return the calibration scaled to a frame's size; None without a calibration of its aspect ratio."""
        try:
            return self._lens and self._lens.scaled_to(image.shape[1], image.shape[0])
        except CameraError:
            return None


def _shorter_per_metre(lens: Intrinsics) -> float:
    """Return metres of ground along a frame's shorter side per metre of height."""
    return min(lens.width, lens.height) / float(lens.matrix[0, 0])


def _pinhole(width: int, height: int) -> Intrinsics:
    """Return an assumed lens without distortion, with a field of view of 45 degrees on the shorter side."""
    focal_px = min(width, height) / (2 * math.tan(math.radians(22.5)))
    rows = [[focal_px, 0.0, (width - 1) / 2], [0.0, focal_px, (height - 1) / 2], [0.0, 0.0, 1.0]]
    return Intrinsics(width, height, np.array(rows))
