# SPDX-License-Identifier: Apache-2.0
"""Reads the header of a drone photo: time, camera, position, and the angles that DJI writes into XMP."""

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from PIL import Image

from geoloc.errors import BagError, clause
from geoloc_lab.bags.truth_samples import is_place
from geoloc_lab.photo_flights.xmp import DjiXmp, find_packet, read_xmp

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".mpo", ".png", ".tif", ".tiff", ".webp")
FOREIGN_SUFFIXES = (".heic", ".heif", ".avif", ".dng", ".raw", ".cr2", ".cr3", ".nef", ".arw", ".rw2")
"""Pictures that cameras write and OpenCV does not decode."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_MODEL, _SOFTWARE, _TAKEN, _SUBSECOND, _ZONE = 0x0110, 0x0131, 0x9003, 0x9291, 0x9011
_WIDTH, _HEIGHT, _FOCAL_35MM = 0xA002, 0xA003, 0xA405
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_UNREADABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
"""What Pillow raises for a damaged file."""
_TIE_NS = 1_000_000
_QUARTER_HOUR_S = 900.0


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
        flight_yaw_deg: heading of the aircraft, clockwise from north; None if absent.
        position_deg: latitude and longitude by the drone's GNSS; None if absent.
        focal_35mm: focal length for 35 mm film, millimetres; None if absent.
        ahead_of_utc: how far the camera's clock is ahead of UTC; None if the header does not say.
        saved_by: the program that saved the file last, "" if the header does not say.
        size_at_exposure: width and height as the camera wrote them; None if absent.
        faults: what of the header cannot be used, as clauses.
    """

    path: Path
    taken: datetime
    width: int
    height: int
    model: str
    gimbal: Gimbal | None
    height_above_takeoff_m: float | None
    flight_yaw_deg: float | None = None
    position_deg: tuple[float, float] | None = None
    focal_35mm: float | None = None
    ahead_of_utc: timedelta | None = None
    saved_by: str = ""
    size_at_exposure: tuple[int, int] | None = None
    faults: tuple[str, ...] = ()


def read_photo(path: Path) -> Photo:
    """Read a photo's header.

    Raises:
        BagError: for a file that is missing, is not an image that OpenCV decodes, or lacks the time of
            exposure.
    """
    if path.suffix.lower() in FOREIGN_SUFFIXES and path.is_file():
        raise BagError(f"{path} is a {path.suffix[1:].upper()} file; convert it to JPEG with its metadata.")
    try:
        with _opened(path) as image:
            width, height = image.size
            exif = image.getexif()
            details, gps = dict(exif.get_ifd(_EXIF_IFD)), dict(exif.get_ifd(_GPS_IFD))
            packet = _packet(image) or find_packet(path.read_bytes())
    except _UNREADABLE as error:
        raise BagError(f"{path} cannot be read as a photo ({clause(error)}); copy it again.") from error
    xmp = read_xmp(packet)
    taken = _taken(path, details.get(_TAKEN), details.get(_SUBSECOND))
    stated = _zone(details.get(_ZONE))
    return Photo(
        path=path,
        taken=taken,
        width=width,
        height=height,
        model=_text(exif.get(_MODEL)),
        gimbal=_gimbal(xmp.numbers),
        height_above_takeoff_m=xmp.numbers.get("RelativeAltitude"),
        flight_yaw_deg=xmp.numbers.get("FlightYawDegree"),
        position_deg=_gps_position(gps) or _xmp_position(xmp),
        focal_35mm=_positive(details.get(_FOCAL_35MM)),
        ahead_of_utc=_zone_by_gps(taken, gps) if stated is None else stated,
        saved_by=xmp.creator or _text(exif.get(_SOFTWARE)),
        size_at_exposure=_size(details),
        faults=xmp.faults,
    )


def check_whole(path: Path) -> None:
    """Decode a photo in full, at the smallest scale.

    Raises:
        BagError: if the file is truncated or damaged.
    """
    try:
        with _opened(path) as image:
            image.draft("L", (image.width // 8, image.height // 8))
            image.load()
    except _UNREADABLE as error:
        raise BagError(f"{path} is truncated or damaged ({clause(error)}); copy it again.") from error


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


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of damaged tags, which then are absent
        with Image.open(path) as image:
            yield image


def _packet(image: Image.Image) -> bytes:
    """Return the XMP packet that Pillow has found; versions before 11 keep it among the JPEG segments."""
    packet = image.info.get("xmp", b"")
    if isinstance(packet, bytes) and packet:
        return packet
    segments: Iterable[tuple[str, bytes]] = getattr(image, "applist", [])
    found = (data for name, data in segments if name == "APP1" and data.startswith(_XMP_SEGMENT))
    return next(found, b"").removeprefix(_XMP_SEGMENT)


def _taken(path: Path, text: object, subsecond: object) -> datetime:
    try:
        taken = datetime.strptime(_text(text), "%Y:%m:%d %H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise BagError(
            f"{path} does not say when it was taken (EXIF DateTimeOriginal is {text}); "
            "use the file that the camera wrote."
        ) from error
    digits = _text(subsecond)
    return taken.replace(microsecond=int(digits[:6].ljust(6, "0"))) if digits.isdecimal() else taken


def _zone(text: object) -> timedelta | None:
    """Return the offset that EXIF states as +HH:MM."""
    try:
        return datetime.strptime(_text(text), "%z").utcoffset()
    except ValueError:
        return None


def _zone_by_gps(taken: datetime, gps: Mapping[int, Any]) -> timedelta | None:
    """Return how far the clock is ahead of the time of the GNSS receiver, to a quarter of an hour."""
    try:
        day = datetime.strptime(_text(gps[0x1D]), "%Y:%m:%d").replace(tzinfo=timezone.utc)
        hours, minutes, seconds = (float(part) for part in gps[0x07])
        ahead = taken - day - timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return timedelta(seconds=round(ahead.total_seconds() / _QUARTER_HOUR_S) * _QUARTER_HOUR_S)


def _gps_position(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    try:
        latitude = _degrees(gps[0x02]) * (-1.0 if _text(gps.get(0x01)).upper() == "S" else 1.0)
        longitude = _degrees(gps[0x04]) * (-1.0 if _text(gps.get(0x03)).upper() == "W" else 1.0)
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return valid_position(latitude, longitude)


def _degrees(parts: Sequence[Any]) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    return degrees + minutes / 60.0 + seconds / 3600.0


def _xmp_position(xmp: DjiXmp) -> tuple[float, float] | None:
    latitude = xmp.numbers.get("GpsLatitude")
    longitude = xmp.numbers.get("GpsLongitude", xmp.numbers.get("GpsLongtitude"))  # as older drones spell it
    return None if latitude is None or longitude is None else valid_position(latitude, longitude)


def valid_position(latitude_deg: float, longitude_deg: float) -> tuple[float, float] | None:
    """Return a position on the Earth; None for one out of range, and for 0, 0, which stands for no fix."""
    return (latitude_deg, longitude_deg) if is_place(latitude_deg, longitude_deg) else None


def _gimbal(xmp: Mapping[str, float]) -> Gimbal | None:
    names = ("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree")
    return Gimbal(*(xmp[name] for name in names)) if all(name in xmp for name in names) else None


def _size(details: Mapping[int, Any]) -> tuple[int, int] | None:
    width, height = _positive(details.get(_WIDTH)), _positive(details.get(_HEIGHT))
    return None if width is None or height is None else (int(width), int(height))


def _positive(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]  # EXIF may hold any type
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) and number > 0.0 else None


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    return str(value).strip("\x00 ") if value is not None else ""
