# SPDX-License-Identifier: Apache-2.0
"""What footage may be: a rosbag2 recording, the folder of a photo flight, or any folder of pictures.

Each gives its frames in order, every one with a `Warper` that knows what the footage says of its pose.
Positions are never looked at.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from geoloc.camera import messages
from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import RigSettings
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc_lab.bags.playback import frames_when_ready
from geoloc_lab.bags.reading import (
    AttitudeSample,
    CameraSample,
    HeightSample,
    Topics,
    read_flight,
)
from geoloc_lab.photo_flights.attitude import body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.cameras import lens_of, read_calibration
from geoloc_lab.photo_flights.folder import find_flights, read_photo_flight
from geoloc_lab.photo_flights.photos import Photo, read_photo, stamps_ns
from geoloc_training.adaptation.warping import Assumptions, Warper
from geoloc_training.arrays import Image

_BAGS = (".mcap", ".db3")
_PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")
_SECOND_NS = 1_000_000_000
_NO_POSITION = ""


@dataclass(frozen=True)
class Frame:
    """A picture of a recording, not decoded yet.

    Attributes:
        stamp_ns: when it was taken.
        name: what it is called there.
        load: decodes it, uint8 RGB (H, W, 3); FrameRefused where it is damaged.
        warper: knows its pose, as far as the recording does; good until the next frame is asked for.
    """

    stamp_ns: int
    name: str
    load: Callable[[], Image]
    warper: Warper


@dataclass(frozen=True)
class ReadingOptions:
    """How footage is read.

    Attributes:
        rig: mount and limits of a bag's camera, and the size of a view.
        assumed: what stands in for missing poses.
        topics: names, where a bag's types do not decide.
        calibration: table `cameras.json` of the lenses of photos; None looks for one beside them.
    """

    rig: RigSettings
    assumed: Assumptions = field(default_factory=Assumptions)
    topics: Topics = field(default_factory=Topics)
    calibration: Path | None = None


class Recording(Protocol):
    """Footage that can be gone through several times."""

    name: str
    timed: bool

    def frames(self) -> Iterator[Frame]:
        """Return all frames in order of time, or of name where there is none."""


def open_recording(path: Path, options: ReadingOptions) -> Recording:
    """Open footage, whatever it is.

    Raises:
        BagError: there is nothing, or nothing that can be read as footage.
    """
    if path.suffix in _BAGS or (path / "metadata.yaml").is_file():
        return _Bag(path, options)
    if not path.is_dir():
        raise BagError(f"{path} is neither a bag (.mcap, .db3 or a rosbag2 folder) nor a folder of pictures.")
    if any(path.glob("queries*.csv")) and (path / "images").is_dir():
        return _PhotoFlight(path, options)
    return _Pictures(path, options)


class _Bag:
    """A rosbag2 recording; its NavSatFix topics are not even opened."""

    timed = True

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.name, self._options = str(path), options
        self._flight = read_flight(path, replace(options.topics, truth=_NO_POSITION))

    def frames(self) -> Iterator[Frame]:
        warper = Warper(self._options.rig, self._options.assumed)
        for sample in frames_when_ready(self._flight.samples(), warper.take, warper.ready):
            yield Frame(sample.stamp_ns, str(sample.stamp_ns), _decoder(sample.message), warper)


class _PhotoFlight:
    """A folder as `geoloc flight` takes it, whose table tells how each photo was held, and how high."""

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
    """Any folder of pictures; what DJI's headers say of the camera's attitude and height is used."""

    timed = False

    def __init__(self, path: Path, options: ReadingOptions) -> None:
        self.name, self._options = str(path), options
        folders = [path, path / "images"]
        self._paths = sorted(
            file for folder in folders for file in folder.glob("*") if file.suffix.lower() in _PICTURES
        )
        if not self._paths:
            raise BagError(f"{path} holds no picture ({', '.join(_PICTURES)}) and is no bag.")
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
        photos = [_header(path) for path in self._paths]
        timed = [photo for photo in photos if photo is not None]
        # By the camera's clock where all have it, else a second for each in turn.
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
    """What is known of a photo; `quaternion` as of a body whose camera looks straight down."""

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
    """Return what a picture says of itself; None where that is not even the time it was taken."""
    try:
        return read_photo(path)
    except BagError:
        return None


def _decoder(message: object) -> Callable[[], Image]:
    return lambda: messages.decode_image(message)  # type: ignore[arg-type]  # as rosbags made it


def _read(path: Path) -> Image:
    """Return a picture's pixels as they lie in the file, which is what a gimbal's angles are about."""
    picture = (
        cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
        if path.stat().st_size
        else None
    )
    if picture is None:
        raise FrameRefused(Reason.BAD_IMAGE, f"{path} is damaged and cannot be decoded")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
