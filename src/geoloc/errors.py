# SPDX-License-Identifier: Apache-2.0
"""The exceptions of geoloc: a small hierarchy whose messages name the cause and the fix."""

from enum import Enum


class GeolocError(Exception):
    """Base class of errors that a user can fix; the message is one sentence with the cause and the fix."""


class RasterError(GeolocError):
    """A georeferenced image that cannot be read or placed on the Earth."""


class MapError(GeolocError):
    """A map directory that is missing, damaged, or built with another model."""


class ModelError(GeolocError):
    """A model directory that is missing, damaged, or not a geoloc model."""


class CameraError(GeolocError):
    """A camera description (intrinsics, distortion) that cannot be used."""


class ParameterError(GeolocError):
    """A parameter outside its range, or two that contradict each other."""


class HintRefused(GeolocError):  # noqa: N818 - a refusal is an answer, not an error
    """Refusal of a position that another source gives; the belief does not change."""


class BagError(GeolocError):
    """A recording that is missing, truncated, or lacks what the task needs."""


def clause(error: Exception | str) -> str:
    """Return the text of an error without its final period, to embed it in another sentence."""
    return str(error).rstrip().removesuffix(".")


class Reason(str, Enum):
    """Reason why a frame has no fix; `refusals`, `state` and reports show the value."""

    BAD_IMAGE = "bad_image"
    REPEATED_IMAGE = "repeated_image"
    NO_CAMERA_INFO = "no_camera_info"
    BAD_CAMERA_INFO = "bad_camera_info"
    NO_ATTITUDE = "no_attitude"
    BAD_ATTITUDE = "bad_attitude"
    TILT = "tilt"
    NO_HEIGHT = "no_height"
    STALE_HEIGHT = "stale_height"
    BAD_HEIGHT = "bad_height"
    HEIGHT_DISAGREES = "height_disagrees"
    LOW_COVERAGE = "low_coverage"
    DULL_VIEW = "dull_view"
    BAD_DESCRIPTOR = "bad_descriptor"
    NO_OFFSET = "no_offset"
    LOW_SCORE = "low_score"
    LOW_MARGIN = "low_margin"
    UNSURE = "unsure"
    OFF_MAP = "off_map"
    SEVERAL_SOURCES = "several_sources"
    SEARCHING = "searching"
    DISAGREES = "disagrees"
    IMPOSSIBLE_SPEED = "impossible_speed"
    LOST = "lost"
    LATE = "late"

    def __str__(self) -> str:
        return self.value


class FrameRefused(GeolocError):  # noqa: N818 - a refusal is an answer, not an error
    """Refusal of one frame, with a reason for the pilot; a node continues with the next frame.

    Args:
        reason: code of the refusal, stable across versions.
        sentence: explanation for the pilot, with the measured value and the limit.
    """

    def __init__(self, reason: Reason, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence
