# SPDX-License-Identifier: Apache-2.0
"""Parameters of the flight nodes: the core's settings, and those that only nodes need.

This module does not import ROS, because docs/parameters.md and `geoloc evaluate` use the declarations too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geoloc.camera.rig import RigSettings
from geoloc.encoder import EncoderSettings
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
        "image topic to read; auto takes the first one that publishes",
        choices=("auto", "raw", "compressed"),
    )
    use_tf: bool = setting(False, "take the mount from TF instead of mount_rpy_deg; needs tf2_ros")
    base_frame: str = setting(
        "", "frame whose attitude imu measures, if use_tf is true; empty takes the frame_id of imu"
    )
    rectified: bool = setting(False, "whether images are already undistorted (image_rect)")
    attitude_wait_s: float = setting(
        0.1, "longest time that a frame waits for the attitude after it", unit="s", low=0.0, high=1.0
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
