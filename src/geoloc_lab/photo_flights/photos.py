# SPDX-License-Identifier: Apache-2.0
"""Reads the header of a drone photo: time, camera model, and the gimbal angles DJI writes into XMP."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from geoloc.errors import BagError, clause

_EXIF_IFD, _MODEL, _TAKEN, _SUBSECOND = 0x8769, 0x0110, 0x9003, 0x9291
_XMP = re.compile(rb'drone-dji:(\w+)="([+-]?\d+(?:\.\d+)?)"')
_TIE_NS = 1_000_000


@dataclass(frozen=True)
class Gimbal:
    """Attitude of the camera as DJI reports it, degrees: yaw clockwise from north, pitch -90 for down."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


@dataclass(frozen=True)
class Photo:
    """A photo and its header.

    Attributes:
        path: the file.
        taken: time of exposure by the camera's clock, assumed to be UTC.
        width, height: size in pixels.
        model: camera model from EXIF; "" if absent.
        gimbal: attitude of the camera, measured on board; None if absent.
        height_above_takeoff_m: DJI's RelativeAltitude; None if absent.
    """

    path: Path
    taken: datetime
    width: int
    height: int
    model: str
    gimbal: Gimbal | None
    height_above_takeoff_m: float | None


def read_photo(path: Path) -> Photo:
    """Read a photo's header.

    Raises:
        BagError: for a file that is missing, is not an image, or lacks the time of exposure.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            exif = image.getexif()
        head = path.read_bytes()
    except (OSError, UnidentifiedImageError) as error:
        raise BagError(f"{path} cannot be read as a photo ({clause(error)}); copy it again.") from error
    details = exif.get_ifd(_EXIF_IFD)
    xmp = {name.decode(): float(value) for name, value in _XMP.findall(head)}
    return Photo(
        path=path,
        taken=_taken(path, details.get(_TAKEN), details.get(_SUBSECOND)),
        width=width,
        height=height,
        model=_text(exif.get(_MODEL)),
        gimbal=_gimbal(xmp),
        height_above_takeoff_m=xmp.get("RelativeAltitude"),
    )


def stamps_ns(photos: Sequence[Photo]) -> list[int]:
    """Return a stamp for each photo, increasing in time order; equal times are moved 1 ms apart."""
    taken = [
        int(photo.taken.timestamp()) * 1_000_000_000 + photo.taken.microsecond * 1000 for photo in photos
    ]
    stamps = list(taken)
    latest = -1
    for i in sorted(range(len(photos)), key=lambda i: (taken[i], photos[i].path.name)):
        stamps[i] = max(taken[i], latest + _TIE_NS)
        latest = stamps[i]
    return stamps


def _taken(path: Path, text: object, subsecond: object) -> datetime:
    try:
        taken = datetime.strptime(str(text), "%Y:%m:%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise BagError(
            f"{path} does not say when it was taken (EXIF DateTimeOriginal is {text}); "
            "use the file that the camera wrote."
        ) from error
    digits = str(subsecond).strip() if subsecond is not None else ""
    return taken.replace(microsecond=int(digits[:6].ljust(6, "0"))) if digits.isdigit() else taken


def _gimbal(xmp: dict[str, float]) -> Gimbal | None:
    names = ("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree")
    return Gimbal(*(xmp[name] for name in names)) if all(name in xmp for name in names) else None


def _text(value: object) -> str:
    return str(value).strip("\x00 ") if value is not None else ""
