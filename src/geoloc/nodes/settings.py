# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the nodes that fly: default, meaning, unit, range.

Values live in three parameter files: `models/<id>/params.yaml` has the encoder's, `my_map/params.yaml` the
map's, `config/bringup.yaml` the rest.
"""

from dataclasses import dataclass

from geoloc.nodes.parameters import parameter
from geoloc.refine import METHODS

MODEL = "model directory; in the model's params.yaml or the launch argument model:="
MAP = "map directory; in the map's params.yaml or the launch argument map:="


@dataclass(frozen=True)
class HypothesisParameters:
    """What camera_node and retrieval_node must agree on: `/**` in config/bringup.yaml gives it to both."""

    heading_error_deg: float = parameter(
        0.0,
        "how wrong the heading of imu may be, 180 without a compass: views turned that far are tried; "
        "odom is taken to be as wrong, from the same source, unless odom_heading_known is false",
        unit="deg",
        low=0.0,
        high=180.0,
    )
    height_error: float = parameter(
        0.0, "share by which altitude may be wrong: views scaled that far are tried", low=0.0, high=0.6
    )


@dataclass(frozen=True)
class CameraParameters(HypothesisParameters):
    """The parameters of `camera_node`."""

    view_size_m: float = parameter(
        0.0, "width of the ground in a view; in the map's params.yaml", unit="m", low=1.0, high=10_000.0
    )
    encoder_px: int = parameter(
        0, "width of a view in pixels; in the model's params.yaml", unit="px", low=8, high=4096
    )
    image_transport: str = parameter(
        "auto",
        "which image topic to read; auto keeps to the first that sends",
        choices=("auto", "raw", "compressed"),
    )
    mount_rpy_deg: tuple[float, float, float] = parameter(
        (0.0, 90.0, 0.0),
        "roll, pitch, yaw of camera_link in the body; 0 90 0 looks down, top of the picture forward",
        unit="deg",
        low=-360.0,
        high=360.0,
    )
    use_tf: bool = parameter(False, "take the mount from TF instead of mount_rpy_deg (needs tf2_ros)")
    base_frame: str = parameter("", "frame whose attitude imu tells, for TF; empty: the frame_id of imu")
    rectified: bool = parameter(False, "images are already undistorted (image_rect)")
    attitude_wait_s: float = parameter(
        0.1, "how long a frame waits for the attitude after it", unit="s", low=0.0, high=1.0
    )
    max_attitude_gap_s: float = parameter(
        0.1, "how far from the frame the nearest attitude may be", unit="s", low=0.0, high=10.0
    )
    max_height_age_s: float = parameter(
        1.0, "how far from the frame the nearest height may be", unit="s", low=0.0, high=60.0
    )
    min_height_m: float = parameter(10.0, "frames lower than this are refused", unit="m", low=0.0, high=2e4)
    max_height_m: float = parameter(2e3, "frames higher than this are refused", unit="m", low=0.0, high=2e4)
    max_climb_mps: float = parameter(
        30.0, "frames between heights that differ faster than this are refused", unit="m/s", low=0.1, high=1e3
    )
    max_tilt_deg: float = parameter(45.0, "frames tilted more are refused", unit="deg", low=0.0, high=80.0)
    min_coverage: float = parameter(0.5, "least part of a view that the frame must show", low=0.0, high=1.0)


@dataclass(frozen=True)
class InferenceParameters:
    """The parameters of `inference_node`."""

    model: str = parameter("", MODEL, required=True)
    backend: str = parameter(
        "auto", "what runs the encoder", choices=("auto", "onnxruntime", "openvino", "torch")
    )
    threads: int = parameter(0, "CPU threads of the encoder; 0 leaves it to the backend", low=0, high=256)


@dataclass(frozen=True)
class RetrievalParameters(HypothesisParameters):
    """The parameters of `retrieval_node`."""

    map: str = parameter("", MAP, required=True)
    model: str = parameter("", MODEL, required=True)
    k: int = parameter(10, "candidate tiles published beside an answer", low=1, high=1000)
    filter: bool = parameter(True, "believe the flight as a whole; false: each frame stands alone")
    max_speed_mps: float = parameter(
        25.0, "over ground; odometry that is faster has jumped", unit="m/s", low=0.1, high=1000.0
    )
    odom_error: float = parameter(
        0.15, "share of the distance by which odometry may be wrong, along and across", low=1e-3, high=1.0
    )
    odom_heading_known: bool = parameter(
        True,
        "the axes of odom are east and north, or as far off as imu (heading_error_deg); false: their turn is "
        "learnt in flight",
    )
    confidence: float = parameter(
        0.99, "least probability of a place that is answered", low=0.5, high=0.999999
    )
    lost_sigma_m: float = parameter(
        40.0, "standard deviation from which a track is given up", unit="m", low=1.0, high=1e4
    )
    max_sigma_m: float = parameter(
        0.0, "largest calibrated deviation of an answer; 0 for any", unit="m", low=0.0, high=1e4
    )
    refine: str = parameter(
        "auto",
        "how a sure belief is refined on the map's picture, for metres within the tile",
        choices=METHODS,
    )
    refine_weights: str = parameter("", "folder of the learned matcher's weights; for refine: lightglue")
    attitude_error_deg: float = parameter(
        1.5,
        "standard deviation of roll and pitch; it moves a camera by 2.6 m at 100 m",
        unit="deg",
        low=0.0,
        high=30.0,
    )
    memory_s: float = parameter(
        2.0, "how much older than the newest a frame may be and still count", unit="s", low=0.0, high=60.0
    )
    full_search_every: int = parameter(
        20, "frames after which a tracked place is compared with the whole map", low=1, high=1_000_000
    )
    min_score: float = parameter(
        -1.0,
        "without filter: cosine under which the best tile is not believed; -1 believes any",
        low=-1.0,
        high=1.0,
    )
    min_margin: float = parameter(
        0.0,
        "without filter: how much better than any other place the best tile must score",
        low=0.0,
        high=2.0,
    )
    temperature: float = parameter(
        0.1, "without filter: of the softmax over tiles; smaller trusts the best more", low=1e-4, high=10.0
    )
    offset_wait_s: float = parameter(
        0.2, "how long a descriptor waits for the view/offset of its stamp", unit="s", low=0.0, high=5.0
    )
    silence_s: float = parameter(
        2.0,
        "after this long without a frame, fix says STATUS_NO_FIX each second",
        unit="s",
        low=0.5,
        high=60.0,
    )
    map_frame: str = parameter("map", "frame_id of pose and candidates: east, north, up on the map's centre")
