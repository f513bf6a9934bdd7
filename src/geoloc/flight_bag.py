# SPDX-License-Identifier: Apache-2.0
"""Photos to a bag: what camera, attitude filter and altimeter would have published, and the truth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore
from tqdm import tqdm

from geoloc.errors import BagError
from geoloc.flights import PhotoFrame

_STORE = get_typestore(Stores.ROS2_HUMBLE)
_TOPICS = {
    "/geoloc/camera_info": "sensor_msgs/msg/CameraInfo",
    "/geoloc/imu": "sensor_msgs/msg/Imu",
    "/geoloc/altitude": "sensor_msgs/msg/Range",
    "/geoloc/truth": "sensor_msgs/msg/NavSatFix",
    "/geoloc/image/compressed": "sensor_msgs/msg/CompressedImage",
}
_WHOLE_PICTURE = {"x_offset": 0, "y_offset": 0, "height": 0, "width": 0, "do_rectify": False}
_INFRARED, _UNKNOWN, _NOT_ESTIMATED = 1, 0, -1.0


def write_flight_bag(frames: Sequence[PhotoFrame], bag: Path, *, progress: bool = True) -> Path:
    """Write the photos, byte for byte, with calibration, attitude, height and truth at their stamps.

    Args:
        frames: in stamp order.
        bag: folder to make; a rosbag2 in mcap.
        progress: whether to show a progress bar.

    Raises:
        BagError: where the folder exists or cannot be written.
    """
    if bag.exists():
        raise BagError(f"{bag} exists; remove it, or write the bag elsewhere")
    try:
        bag.parent.mkdir(parents=True, exist_ok=True)
        with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connections = {
                topic: writer.add_connection(topic, kind, typestore=_STORE) for topic, kind in _TOPICS.items()
            }
            for frame in tqdm(frames, unit="photo", desc="write bag", disable=not progress):
                for topic, message in _messages(frame).items():
                    raw = _STORE.serialize_cdr(message, _TOPICS[topic])
                    writer.write(connections[topic], frame.stamp_ns, raw)
    except (OSError, WriterError) as error:
        raise BagError(f"{bag} cannot be written: {error}") from error
    return bag


def _messages(frame: PhotoFrame) -> dict[str, Any]:
    # The image comes last, so that all it needs has been said when it arrives.
    return {
        "/geoloc/camera_info": _camera_info(frame),
        "/geoloc/imu": _imu(frame),
        "/geoloc/altitude": _range(frame),
        "/geoloc/truth": _truth(frame),
        "/geoloc/image/compressed": _image(frame),
    }


def _make(kind: str, **values: Any) -> Any:  # noqa: ANN401 - the message classes are made at run time
    return _STORE.types[kind](**values)


def _header(frame: PhotoFrame, frame_id: str) -> Any:  # noqa: ANN401
    sec, nanosec = divmod(frame.stamp_ns, 1_000_000_000)
    stamp = _make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
    return _make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)


def _image(frame: PhotoFrame) -> Any:  # noqa: ANN401
    data = np.frombuffer(frame.photo.path.read_bytes(), dtype=np.uint8)
    return _make(
        "sensor_msgs/msg/CompressedImage", header=_header(frame, "camera_optical"), format="jpeg", data=data
    )


def _camera_info(frame: PhotoFrame) -> Any:  # noqa: ANN401
    lens = frame.intrinsics
    return _make(
        "sensor_msgs/msg/CameraInfo",
        header=_header(frame, "camera_optical"),
        height=lens.height,
        width=lens.width,
        distortion_model=lens.model,
        d=np.asarray(lens.coefficients, dtype=np.float64),
        k=lens.matrix.ravel(),
        r=np.eye(3).ravel(),
        p=np.hstack([lens.matrix, np.zeros((3, 1))]).ravel(),
        binning_x=0,
        binning_y=0,
        roi=_make("sensor_msgs/msg/RegionOfInterest", **_WHOLE_PICTURE),
    )


def _imu(frame: PhotoFrame) -> Any:  # noqa: ANN401
    x, y, z, w = frame.quaternion
    zero = _make("geometry_msgs/msg/Vector3", x=0.0, y=0.0, z=0.0)
    unknown = np.array([_NOT_ESTIMATED, *[0.0] * 8])
    return _make(
        "sensor_msgs/msg/Imu",
        header=_header(frame, "base_link"),
        orientation=_make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
        orientation_covariance=np.zeros(9),
        angular_velocity=zero,
        angular_velocity_covariance=unknown,
        linear_acceleration=zero,
        linear_acceleration_covariance=unknown,
    )


def _range(frame: PhotoFrame) -> Any:  # noqa: ANN401
    return _make(
        "sensor_msgs/msg/Range",
        header=_header(frame, "base_link"),
        radiation_type=_INFRARED,
        field_of_view=0.0,
        min_range=0.0,
        max_range=0.0,
        range=frame.height_m,
    )


def _truth(frame: PhotoFrame) -> Any:  # noqa: ANN401
    status = _make("sensor_msgs/msg/NavSatStatus", status=0, service=0)
    return _make(
        "sensor_msgs/msg/NavSatFix",
        header=_header(frame, "camera_optical"),
        status=status,
        latitude=frame.truth_latitude_deg,
        longitude=frame.truth_longitude_deg,
        altitude=float("nan"),
        position_covariance=np.zeros(9),
        position_covariance_type=_UNKNOWN,
    )
