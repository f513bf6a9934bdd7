# SPDX-License-Identifier: Apache-2.0
"""Writes a flight as a rosbag2 recording on the topics that geoloc's nodes subscribe to, without ROS."""

import math
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import Stores, get_typestore

from geoloc.camera.lens import Intrinsics
from geoloc.errors import BagError, ParameterError, clause
from geoloc.raster.colours import Rgb

TOPICS = {
    "image": ("/geoloc/image", "sensor_msgs/msg/Image"),
    "compressed": ("/geoloc/image/compressed", "sensor_msgs/msg/CompressedImage"),
    "camera_info": ("/geoloc/camera_info", "sensor_msgs/msg/CameraInfo"),
    "imu": ("/geoloc/imu", "sensor_msgs/msg/Imu"),
    "altitude": ("/geoloc/altitude", "sensor_msgs/msg/Range"),
    "odom": ("/geoloc/odom", "nav_msgs/msg/Odometry"),
    "truth": ("/geoloc/truth", "sensor_msgs/msg/NavSatFix"),
}
STORAGES = {"mcap": StoragePlugin.MCAP, "sqlite3": StoragePlugin.SQLITE3}
_CAMERA_FRAME, _BODY_FRAME = "camera_optical", "base_link"
_ULTRASOUND, _DIAGONAL_KNOWN, _STATUS_FIX, _NO_SERVICE = 0, 2, 0, 0
_JPEG_QUALITY = 85


class BagRecorder:
    """Writer of a rosbag2 recording, which appears under its name only once it is complete.

    Args:
        path: folder of the bag; must not exist unless `overwrite`.
        storage: "mcap" or "sqlite3".
        overwrite: whether to replace a bag (a folder with metadata.yaml) of that name.
        jpeg_quality: JPEG quality of compressed images, 1 to 100.

    Raises:
        BagError: if the path exists or cannot be written.
        ParameterError: for an unknown storage, or a quality outside its range.
    """

    def __init__(
        self, path: Path, *, storage: str = "mcap", overwrite: bool = False, jpeg_quality: int = _JPEG_QUALITY
    ) -> None:
        if storage not in STORAGES:
            raise ParameterError(f"the bag storage {storage!r} is unknown; use one of {', '.join(STORAGES)}.")
        if not 1 <= jpeg_quality <= 100:
            raise ParameterError(f"jpeg_quality is {jpeg_quality}; give a number from 1 to 100.")
        _check_free(path, overwrite)
        self.path = path
        self._storage = STORAGES[storage]
        self._jpeg_quality = jpeg_quality
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self._connections: dict[str, Any] = {}

    def __enter__(self) -> "BagRecorder":
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._workshop = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
            self._writer = Writer(self._workshop / self.path.name, version=9, storage_plugin=self._storage)
            self._writer.open()
        except (OSError, WriterError) as error:
            raise BagError(
                f"{self.path} cannot be written ({clause(error)}); "
                "check free disk space and write permission."
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.close()
            if error is None:
                if self.path.exists():
                    shutil.rmtree(self.path)
                (self._workshop / self.path.name).rename(self.path)
        finally:
            shutil.rmtree(self._workshop, ignore_errors=True)

    def image(self, stamp_ns: int, rgb: Rgb, *, compressed: bool = True, late_ns: int = 0) -> None:
        """Record an image, uint8 RGB (H, W, 3), as JPEG or raw, received `late_ns` after its stamp."""
        if compressed:
            quality = [cv2.IMWRITE_JPEG_QUALITY, self._jpeg_quality]
            data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)[1].ravel()
            self._write("compressed", stamp_ns, _CAMERA_FRAME, late_ns, format="jpeg", data=data)
            return
        height, width = rgb.shape[:2]
        self._write(
            "image",
            stamp_ns,
            _CAMERA_FRAME,
            late_ns,
            height=height,
            width=width,
            encoding="rgb8",
            is_bigendian=0,
            step=3 * width,
            data=np.ascontiguousarray(rgb).ravel(),
        )

    def jpeg(self, stamp_ns: int, data: bytes) -> None:
        """Record an image that is already JPEG-encoded, byte for byte."""
        pixels = np.frombuffer(data, dtype=np.uint8)
        self._write("compressed", stamp_ns, _CAMERA_FRAME, format="jpeg", data=pixels)

    def camera_info(
        self, stamp_ns: int, intrinsics: Intrinsics, *, rectified: Intrinsics | None = None, late_ns: int = 0
    ) -> None:
        """Record the camera's calibration; a lens without distortion is written as plumb_bob with zeros.

        Args:
            stamp_ns: stamp of the message.
            intrinsics: the camera's K and D.
            rectified: intrinsics of undistorted images, for P; None takes K.
            late_ns: time from the stamp to the recording.
        """
        k = intrinsics.matrix
        model = "plumb_bob" if intrinsics.model == "none" else intrinsics.model
        coefficients = np.zeros(5) if intrinsics.model == "none" else np.asarray(intrinsics.coefficients)
        whole = self._make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        self._write(
            "camera_info",
            stamp_ns,
            _CAMERA_FRAME,
            late_ns,
            height=intrinsics.height,
            width=intrinsics.width,
            distortion_model=model,
            d=coefficients,
            k=k.ravel(),
            r=np.eye(3).ravel(),
            p=np.hstack([(rectified or intrinsics).matrix, np.zeros((3, 1))]).ravel(),
            binning_x=0,
            binning_y=0,
            roi=whole,
        )

    def imu(
        self,
        stamp_ns: int,
        quaternion: ArrayLike,
        rate_radps: ArrayLike,
        acceleration_mps2: ArrayLike,
        attitude_deg: tuple[float, float, float] = (0.3, 0.3, 1.0),
    ) -> None:
        """Record attitude, angular rates and specific force.

        Args:
            stamp_ns: time of the measurement.
            quaternion: rotation from the body to east, north, up; x, y, z, w.
            rate_radps: (3,) angular rates in the body frame.
            acceleration_mps2: (3,) specific force in the body frame.
            attitude_deg: standard deviations of the attitude about east, north and up.
        """
        self._write(
            "imu",
            stamp_ns,
            _BODY_FRAME,
            orientation=self._quaternion(quaternion),
            orientation_covariance=np.diag(np.radians(attitude_deg) ** 2).ravel(),
            angular_velocity=self._vector(rate_radps),
            angular_velocity_covariance=np.zeros(9),
            linear_acceleration=self._vector(acceleration_mps2),
            linear_acceleration_covariance=np.zeros(9),
        )

    def altitude(self, stamp_ns: int, height_m: float, deviation_m: float = 0.3) -> None:
        """Record the height above ground."""
        self._write(
            "altitude",
            stamp_ns,
            _BODY_FRAME,
            radiation_type=_ULTRASOUND,
            field_of_view=math.radians(5.0),
            min_range=0.1,
            max_range=5000.0,
            range=float(height_m),
            variance=deviation_m**2,
        )

    def odometry(
        self, stamp_ns: int, position_m: ArrayLike, quaternion: ArrayLike, velocity_mps: ArrayLike
    ) -> None:
        """Record position and attitude in the odometry frame, and velocity in the body frame."""
        point = self._make("geometry_msgs/msg/Point", **_xyz(position_m))
        pose = self._make("geometry_msgs/msg/Pose", position=point, orientation=self._quaternion(quaternion))
        still = self._vector((0.0, 0.0, 0.0))
        twist = self._make("geometry_msgs/msg/Twist", linear=self._vector(velocity_mps), angular=still)
        self._write(
            "odom",
            stamp_ns,
            "odom",
            child_frame_id=_BODY_FRAME,
            pose=self._make("geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=np.zeros(36)),
            twist=self._make("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=np.zeros(36)),
        )

    def truth(
        self,
        stamp_ns: int,
        latitude_deg: float,
        longitude_deg: float,
        altitude_m: float = math.nan,
        deviation_m: float = 0.0,
    ) -> None:
        """Record the reference position; altitude above the WGS 84 ellipsoid, NaN if unknown."""
        status = self._make("sensor_msgs/msg/NavSatStatus", status=_STATUS_FIX, service=_NO_SERVICE)
        self._write(
            "truth",
            stamp_ns,
            _BODY_FRAME,
            status=status,
            latitude=float(latitude_deg),
            longitude=float(longitude_deg),
            altitude=float(altitude_m),
            position_covariance=(np.eye(3) * deviation_m**2).ravel(),
            position_covariance_type=_DIAGONAL_KNOWN,
        )

    def _quaternion(self, quaternion: ArrayLike) -> Any:  # noqa: ANN401
        x, y, z, w = (float(v) for v in np.asarray(quaternion))
        return self._make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)

    def _vector(self, vector: ArrayLike) -> Any:  # noqa: ANN401
        return self._make("geometry_msgs/msg/Vector3", **_xyz(vector))

    def _make(self, message_type: str, **values: Any) -> Any:  # noqa: ANN401
        return self._store.types[message_type](**values)

    def _write(
        self,
        role: str,
        stamp_ns: int,
        frame_id: str,
        late_ns: int = 0,
        **values: Any,  # noqa: ANN401
    ) -> None:
        topic, message_type = TOPICS[role]
        if role not in self._connections:
            self._connections[role] = self._writer.add_connection(topic, message_type, typestore=self._store)
        sec, nanosec = divmod(int(stamp_ns), 1_000_000_000)
        stamp = self._make("builtin_interfaces/msg/Time", sec=sec, nanosec=nanosec)
        header = self._make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id)
        message = self._make(message_type, header=header, **values)
        raw = self._store.serialize_cdr(message, message_type)
        try:
            self._writer.write(self._connections[role], int(stamp_ns) + late_ns, raw)
        except OSError as error:
            raise BagError(f"{self.path} cannot be written ({error}); check free disk space.") from error


def _xyz(vector: ArrayLike) -> dict[str, float]:
    x, y, z = (float(v) for v in np.asarray(vector))
    return {"x": x, "y": y, "z": z}


def _check_free(path: Path, overwrite: bool) -> None:
    if not path.exists():
        return
    if not overwrite:
        raise BagError(f"{path} exists already; choose another name, or replace it with --overwrite.")
    if not (path / "metadata.yaml").is_file():
        raise BagError(
            f"{path} exists and is not a rosbag2 folder, so it is not overwritten; choose another name."
        )
