# SPDX-License-Identifier: Apache-2.0
"""Parameters of the flight nodes: the core's settings, and those that only nodes need.

This module does not import ROS, because docs/parameters.md and `geoloc evaluate` use the declarations too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geoloc.camera.rig import RigSettings
from geoloc.encoder import EncoderSettings
from geoloc.errors import ParameterError
from geoloc.localizer import LocalizerSettings
from geoloc.nodes.directories import map_directory, model_directory
from geoloc.settings import check, group, setting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class CameraNodeSettings:
    """The parameters of `camera_node`."""

    rig: RigSettings = group(RigSettings)
    image_transport: str = setting(
        "auto",
        "image topic to read; auto takes image/compressed where it brings images, because it arrives more "
        "surely and costs less than a reliable raw image, else image",
        choices=("auto", "raw", "compressed"),
    )
    use_tf: bool = setting(False, "take the mount from TF instead of mount_rpy_deg; needs tf2_ros")
    base_frame: str = setting(
        "", "frame whose attitude imu measures, if use_tf is true; empty takes the frame_id of imu"
    )
    rectified: bool = setting(False, "whether images are already undistorted (image_rect)")
    attitude_wait_s: float = setting(
        0.1,
        "longest time that a frame waits for the attitude after it, and for TF if use_tf is true",
        unit="s",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class InferenceNodeSettings:
    """The parameters of `inference_node`."""

    model: str = model_directory()
    encoder: EncoderSettings = group(EncoderSettings)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class AltitudeSettings:
    """The altitude of `fix`, which one frame does not determine.

    Raises:
        ParameterError: if `ground` is chosen without the error of its altitude.
    """

    fix_altitude: str = setting(
        "nan",
        "altitude of fix: nan, zero with a variance that says unknown, or ground for ground_altitude_m plus "
        "the height above ground; robot_localization drops fixes with nan",
        choices=("nan", "zero", "ground"),
    )
    ground_altitude_m: float = setting(
        0.0,
        "height of the ground above the WGS 84 ellipsoid, if fix_altitude is ground",
        unit="m",
        low=-500.0,
        high=9000.0,
    )
    ground_altitude_error_m: float = setting(
        0.0,
        "standard deviation of ground_altitude_m, relief of the map included; above 0 if fix_altitude is "
        "ground",
        unit="m",
        low=0.0,
        high=5000.0,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.fix_altitude == "ground" and not self.ground_altitude_error_m > 0.0:
            raise ParameterError(
                "fix_altitude is ground, but ground_altitude_error_m is 0; give ground_altitude_m and its "
                "standard deviation."
            )


@dataclass(frozen=True)
class RetrievalNodeSettings:
    """The parameters of `retrieval_node`."""

    map: str = map_directory()
    model: str = model_directory()
    localizer: LocalizerSettings = group(LocalizerSettings)
    offset_wait_s: float = setting(
        0.2,
        "longest time that a descriptor waits for the view/offset of its stamp",
        unit="s",
        low=0.0,
        high=5.0,
    )
    silence_s: float = setting(
        2.0,
        "time without a frame after which fix is STATUS_NO_FIX once a second",
        unit="s",
        low=0.5,
        high=60.0,
    )
    altitude: AltitudeSettings = group(AltitudeSettings)
    map_frame: str = setting("map", "frame_id of pose and candidates: east, north, up from the map's centre")

    def __post_init__(self) -> None:
        check(self)


NODES: "dict[str, type[DataclassInstance]]" = {
    "camera_node": CameraNodeSettings,
    "inference_node": InferenceNodeSettings,
    "retrieval_node": RetrievalNodeSettings,
}

LAB_PARAMETERS = frozenset(
    {
        "await_evaluation",
        "bag",
        "keep_names",
        "map",
        "max_truth_gap_s",
        "model",
        "out",
        "rate",
        "rename",
        "report",
        "start_s",
        "title",
        "wait_s",
    }
)
"""Parameters of the nodes of geoloc_lab; they may stand under `/**` in the same file, and are no typos."""
