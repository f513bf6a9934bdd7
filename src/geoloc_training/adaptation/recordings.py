# SPDX-License-Identifier: Apache-2.0
"""Readers of footage: a bag, the folder of a photo flight, or any folder of images.

Each reader yields its frames in order, with a `Warper` that holds the pose as far as the footage states it.
Positions are never read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG
from geoloc.camera.image_header import truncated_kind
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import RigSettings
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc_lab.bags.playback import frames_when_ready
from geoloc_lab.bags.reading import (
    AttitudeSample,
    CameraSample,
    HeightSample,
    read_flight,
)
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.photo_flights.attitude import body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.cameras import lens_of, read_calibration
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.headings import corrected_headings
from geoloc_lab.photo_flights.photo_flight import read_photo_flight
from geoloc_lab.photo_flights.photos import Photo, read_photo, stamps_ns
from geoloc_training.adaptation.warping import Assumptions, Warper
from geoloc_training.arrays import Image

_BAGS = (".mcap", ".db3", ".bag")
_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
_SECOND_NS = 1_000_000_000
_NO_POSITION = ""


@dataclass(frozen=True)
class Frame:
    """An image of a recording, not yet decoded.

    Attributes:
        stamp_ns: time of exposure.
        name: name of the frame in the recording.
        load: function that decodes the image, uint8 RGB (H, W, 3); raises FrameRefused if it is damaged.
        warper: warper with the frame's pose, as far as known; valid until the next frame is read.
    """

    stamp_ns: int
    name: str
    load: Callable[[], Image]
    warper: Warper


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading footage.

    Attributes:
        rig: mount and limits of a bag's camera, and the size of a view.
        assumed: substitutes for missing poses.
        topics: topic names, for bags in which the message types are ambiguous.
        calibration: table `cameras.json` with the lens calibrations of photos; None to look for it near the
            photos.
        rectified: whether a bag's images are already undistorted.
    """

    rig: RigSettings
    assumed: Assumptions = field(default_factory=Assumptions)
    topics: Topics = field(default_factory=Topics)
    calibration: Path | None = None
    rectified: bool = False


class Recording(Protocol):
    """Footage that can be read several times."""

    name: str
    timed: bool

    def frames(self) -> Iterator[Frame]:
        """Return all frames in order of time, or of name if the footage has no times."""


def open_recording(path: Path, options: ReadingOptions) -> Recording:
    """Open footage of any supported kind.

    Raises:
        BagError: the path does not exist, or it holds no footage.
    """
    if path.suffix in _BAGS or (path / "metadata.yaml").is_file():
        return _Bag(path, options)
    if not path.is_dir():
        raise BagError(
            f"{path} is neither a bag nor a folder of images; give a .mcap, .db3 or .bag file, a rosbag2 "
            "folder or a folder of images."
        )
    if any(path.glob("queries*.csv")) and (path / "images").is_dir():
        return _PhotoFlight(path, options)
    return _Pictures(path, options)


class _Bag:
    """A recording of ROS, whose NavSatFix topics are not opened."""

    timed = True

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.name, self._options = str(path), options
        self._flight = read_flight(path, replace(options.topics, truth=_NO_POSITION))

    def frames(self) -> Iterator[Frame]:
        warper = Warper(self._options.rig, self._options.assumed)
        samples = self._flight.samples(
            altitude_reference=self._options.rig.altitude_reference, rectified=self._options.rectified
        )
        for sample in frames_when_ready(samples, warper.take, warper.ready):
            yield Frame(sample.stamp_ns, str(sample.stamp_ns), sample.decode, warper)


class _PhotoFlight:
    """A folder for `geoloc flight`, whose table states attitude and height of each photo."""

    timed = False

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.name, self._options = str(path), options
        folder = find_flights(path)[0]
        if options.calibration is not None:
            folder = replace(folder, calibration=options.calibration)
        self._photos = read_photo_flight(folder).frames

    def frames(self) -> Iterator[Frame]:
        for photo in self._photos:
            pose = _Pose(photo.intrinsics, photo.quaternion, photo.height_m)
            yield _photo_frame(photo.photo.path, photo.stamp_ns, pose, self._options)


class _Pictures:
    """Any folder of images; attitude and height are read from DJI's image headers."""

    timed = False

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.name, self._options = str(path), options
        folders = [path, path / "images"]
        self._paths = sorted(
            file for folder in folders for file in folder.glob("*") if file.suffix.lower() in _PICTURES
        )
        if not self._paths:
            raise BagError(
                f"{path} holds no images ({', '.join(_PICTURES)}) and is no bag; give a bag or a folder of "
                "images."
            )
        table = options.calibration or next(
            (
                found
                for near in (path, *path.parents[:2])
                if (found := near / "calibration" / "cameras.json").is_file()
            ),
            None,
        )
        self._table = table
        self._cameras = None if table is None else read_calibration(table)

    def frames(self) -> Iterator[Frame]:
        headers = [_header(path) for path in self._paths]
        timed = corrected_headings([photo for photo in headers if photo is not None]).photos
        corrected = iter(timed)
        photos = [None if photo is None else next(corrected) for photo in headers]
        # Use the camera's clock if all images have its time, else number the images one second apart.
        every = len(timed) == len(photos)
        stamps = stamps_ns(timed) if every else [number * _SECOND_NS for number in range(len(photos))]
        for stamp_ns, number in sorted((stamp_ns, number) for number, stamp_ns in enumerate(stamps)):
            pose = self._pose(photos[number])
            yield _photo_frame(self._paths[number], stamp_ns, pose, self._options)

    def _pose(self, photo: Photo | None) -> "_Pose":
        if photo is None:
            return _Pose()
        attitude = None if photo.gimbal is None else body_quaternion(gimbal_rotation(photo.gimbal))
        return _Pose(self._lens(photo), attitude, photo.height_above_takeoff_m)

    def _lens(self, photo: Photo) -> Intrinsics | None:
        if self._table is None or self._cameras is None:
            return None
        try:
            return lens_of(photo, self._cameras, self._table)
        except BagError:
            return None


@dataclass(frozen=True)
class _Pose:
    """Known parts of a photo's pose; `quaternion` is that of a body whose camera looks straight down."""

    lens: Intrinsics | None = None
    quaternion: tuple[float, float, float, float] | None = None
    height_m: float | None = None


def _photo_frame(path: Path, stamp_ns: int, pose: _Pose, options: ReadingOptions) -> Frame:
    warper = Warper(replace(options.rig, mount_rpy_deg=NADIR_MOUNT_RPY_DEG), options.assumed)
    if pose.lens is not None:
        warper.take(CameraSample(stamp_ns, pose.lens))
    if pose.quaternion is not None:
        warper.take(AttitudeSample(stamp_ns, pose.quaternion))
    if pose.height_m is not None:
        warper.take(HeightSample(stamp_ns, pose.height_m))
    return Frame(stamp_ns, path.name, lambda: _read(path), warper)


def _header(path: Path) -> Photo | None:
    """Return an image's header; None if it lacks even the time of exposure."""
    try:
        return read_photo(path)
    except BagError:
        return None


def _read(path: Path) -> Image:
    """Return an image's pixels without EXIF rotation, because a gimbal's angles refer to the raw image."""
    data = path.read_bytes()
    if kind := truncated_kind(data):  # OpenCV would fill the rest with grey
        raise FrameRefused(
            Reason.BAD_IMAGE, f"{path} is a {kind} that is truncated after {len(data)} bytes; copy it again."
        )
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if picture is None:
        raise FrameRefused(Reason.BAD_IMAGE, f"{path} is damaged and cannot be decoded; copy it again.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
