# SPDX-License-Identifier: Apache-2.0
"""Frames to views by what is known of them, and by substitutes for what is not.

With height, attitude and calibration a frame becomes the view that flies (`posed`). Where the height or the
calibration is missing, the frame is taken to show so many metres of ground (`scaled`); where the attitude is
missing, to look straight down, whichever way is north (`turned`).
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
    SCALED: "turned by their attitude, their height or calibration assumed",
    TURNED: "taken to look straight down, and turned as they look most like the map, for want of an attitude",
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
    """What stands in for a pose that a recording lacks.

    Attributes:
        footprint_m: metres of ground along the shorter side of a frame; None where nobody has said.
        height_m: metres above ground of frames with a calibration; None where nobody has said.

    Raises:
        ParameterError: a value that is not above 0.
    """

    footprint_m: float | None = None
    height_m: float | None = None

    def __post_init__(self) -> None:
        for name, option in (("footprint_m", "--footprint-m"), ("height_m", "--assumed-height-m")):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{option} is {value}: give a positive number of metres.")


class FootprintUnknown(Exception):  # noqa: N818 - an answer that a later pass acts on
    """How much ground a frame shows has to be learnt from the other frames first."""


class Warper:
    """A camera rig that copes with what a recording lacks.

    Args:
        settings: mount, limits, and the size of a view.
        assumed: what the user said of frames without a pose.
    """

    def __init__(self, settings: RigSettings, assumed: Assumptions) -> None:
        # Of a camera that is made up the height is too: its limits say nothing.
        free = replace(settings, min_height_m=0.0, max_height_m=_HIGHEST_M)
        self._assumed = assumed
        self._rig, self._turned = CameraRig(settings), CameraRig(free)  # the latter knows attitudes alone
        self._straight = replace(free, mount_rpy_deg=NADIR_MOUNT_RPY_DEG)
        self._height_m: float | None = None
        self._lens: Intrinsics | None = None

    def take(self, sample: Sample) -> None:
        """Feed it a sample that is no image; one that cannot be used is as good as none."""
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
        """Return True where the attitude at a stamp is settled."""
        return self._rig.ready(stamp_ns)

    def footprint_m(self, image: NDArray[np.uint8]) -> float | None:
        """Return metres of ground along the shorter side of a frame (H, W, 3), where height and lens tell."""
        lens, height_m = self._fitting(image), self._height_m or self._assumed.height_m
        return None if lens is None or height_m is None else height_m * _shorter_per_metre(lens)

    def view(
        self, stamp_ns: int, image: NDArray[np.uint8], fallback_m: float | None, choose: Choose
    ) -> tuple[str, NDArray[np.uint8]]:
        """Turn a frame into a view.

        Args:
            stamp_ns: the frame's stamp.
            image: uint8 RGB (H, W, 3).
            fallback_m: metres of ground along the shorter side of frames of which nothing else is known.
            choose: which of several views of the frame, each turned another way, has north at its top.

        Returns:
            One of `KINDS`, and the view, uint8 (S, S, 3).

        Raises:
            FrameRefused: the frame cannot be used, whatever else is known of it.
            FootprintUnknown: it can be once `fallback_m` is known.
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
        """Return the view of a camera above its middle, the top of whose picture is at a heading."""
        rig = CameraRig(self._straight)
        half_rad = math.radians(90.0 - heading_deg) / 2
        rig.add_attitude(stamp_ns, (0.0, 0.0, math.sin(half_rad), math.cos(half_rad)))
        return self._substituted(rig, stamp_ns, image, footprint_m)

    def _substituted(
        self, rig: CameraRig, stamp_ns: int, image: NDArray[np.uint8], footprint_m: float
    ) -> NDArray[np.uint8]:
        """Return the view of a rig that knows attitudes alone, at the height that makes the frame so wide."""
        lens = self._fitting(image) or _pinhole(image.shape[1], image.shape[0])
        rig.set_intrinsics(lens)
        rig.add_height(stamp_ns, footprint_m / _shorter_per_metre(lens))
        return rig.view(stamp_ns, image).image

    def _fitting(self, image: NDArray[np.uint8]) -> Intrinsics | None:
        """Return the calibration at a frame's size; None without one, or with one for another shape."""
        try:
            return self._lens and self._lens.scaled_to(image.shape[1], image.shape[0])
        except CameraError:
            return None


def _shorter_per_metre(lens: Intrinsics) -> float:
    """Return metres of ground along a frame's shorter side for each metre of height."""
    return min(lens.width, lens.height) / float(lens.matrix[0, 0])


def _pinhole(width: int, height: int) -> Intrinsics:
    """Return a camera without distortion whose shorter side takes in 45 degrees, as a guess at any."""
    focal_px = min(width, height) / (2 * math.tan(math.radians(22.5)))
    rows = [[focal_px, 0.0, (width - 1) / 2], [0.0, focal_px, (height - 1) / 2], [0.0, 0.0, 1.0]]
    return Intrinsics(width, height, np.array(rows))
