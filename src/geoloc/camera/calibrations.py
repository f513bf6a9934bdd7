# SPDX-License-Identifier: Apache-2.0
"""Which CameraInfo belongs to an image? Two cameras on one drone are easily mixed up."""

from geoloc.camera.lens import Intrinsics
from geoloc.errors import FrameRefused, Reason

_REMEMBERED = 8


class Calibrations:
    """The calibrations that arrived, by the frame_id of their CameraInfo.

    Args:
        image_topic: topic of the images; its name may say whether they are rectified.
        rectified: whether the calibrations are those of rectified images.

    Attributes:
        remark: sentence about what differs between the last image and its calibration; empty if nothing does.
    """

    def __init__(self, image_topic: str = "", *, rectified: bool = False) -> None:
        self.remark = ""
        self._topic, self._rectified = image_topic, rectified
        self._known: dict[str, Intrinsics] = {}

    def add(self, frame_id: str, intrinsics: Intrinsics) -> None:
        """Add a calibration; it replaces an earlier one with this frame_id."""
        self._known.pop(frame_id, None)
        self._known[frame_id] = intrinsics
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]

    def of_image(self, frame_id: str, width: int, height: int) -> Intrinsics | None:
        """Return the calibration for an image, and set the remark.

        It is the newest one with the image's frame_id; without one, the newest of all. Another frame_id or
        a resized image alone may be a driver's habit, so they are used with a remark. Both together are
        another camera. An empty frame_id agrees with any.

        Returns:
            The calibration as it arrived, for images of its own size; None before the first.

        Raises:
            FrameRefused: with `Reason.BAD_CAMERA_INFO` if frame_id and size both differ.
        """
        self.remark = ""
        if not self._known:
            return None
        theirs = frame_id if frame_id in self._known else next(reversed(self._known))
        found = self._known[theirs]
        renamed = bool(theirs and frame_id and theirs != frame_id)
        resized = (width, height) != (found.width, found.height)
        both = (
            f"CameraInfo has frame_id '{theirs}' and {found.width} x {found.height} pixels, the image "
            f"'{frame_id}' and {width} x {height}"
        )
        if renamed and resized:
            raise FrameRefused(
                Reason.BAD_CAMERA_INFO,
                f"{both}, so it is another camera's; remap camera_info to that of the image's camera.",
            )
        if renamed:
            self.remark = (
                f"{both}; if these are two cameras, positions are wrong: remap camera_info to that of the "
                "image's camera, or else give both one frame_id."
            )
        elif contradiction := self._contradiction(found):
            self.remark = contradiction
        elif resized and found.fits(width, height):
            self.remark = f"{both}, so it is scaled; if the image is a crop, publish the crop's CameraInfo."
        return found

    def _contradiction(self, found: Intrinsics) -> str:
        """Return a sentence if the name of the image topic contradicts `rectified`; else an empty text."""
        names = self._topic.split("/")
        if not self._rectified and found.model != "none" and any(n.startswith("image_rect") for n in names):
            return (
                f"{self._topic} is the name of rectified images, but rectified is false, so their distortion "
                "would be removed twice; set rectified to true, or give the raw image."
            )
        if self._rectified and "image_raw" in names:
            return (
                f"{self._topic} is the name of raw images, but rectified is true, so their distortion is "
                "ignored; set rectified to false, or give the rectified image."
            )
        return ""
