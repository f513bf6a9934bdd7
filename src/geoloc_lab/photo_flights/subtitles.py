# SPDX-License-Identifier: Apache-2.0
"""Reads the subtitles (.SRT) that DJI's drones write beside a video: position, height and angles over time.

The dialects differ by drone and firmware, so each value is looked for by its name:

- `[latitude: 41.42] [longitude: 2.23] [rel_alt: 1.300 abs_alt: 87.1]`, also `latitude : `, `longtitude : `;
- `GPS(149.0251,-20.2533,16)`: longitude, latitude, number of satellites. A third value in metres, as in
  `GPS(36.6146,-6.1120,0.0M)`, comes with latitude first;
- heights above take-off `rel_alt`, `H 45.60m`, `BAROMETER:1.9`, `Hb:1.9`, or `altitude`;
- angles `G.PRY (-24.4, 0.0, 110.4)` and `F.PRY`: pitch, roll, yaw; or `gb_pitch`, `gb_roll`, `gb_yaw`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from geoloc.errors import BagError, clause
from geoloc_lab.photo_flights.photos import Gimbal, valid_position

_N = r"([+-]?\d+(?:\.\d+)?)"
_DEG = r"\s*°?\s*"
_INDEX = re.compile(r"^\s*\d+\s*$", re.MULTILINE)
_TIMES = re.compile(r"(\d+):(\d\d):(\d\d)[,.](\d{1,3})\s*-->")
_DATE = re.compile(r"(\d{4})[.-](\d{1,2})[.-](\d{1,2})\s+(\d{1,2}):(\d\d):(\d\d)(?:[,.](\d{3}))?")
_TAG = re.compile(r"<[^>]*>")
_GPS = re.compile(rf"GPS\s*\(\s*{_N}\s*,\s*{_N}\s*(?:,\s*{_N}\s*(M?)\s*)?\)", re.IGNORECASE)
_NAMED = {
    "latitude": re.compile(rf"\blatitude\s*[:=]\s*{_N}", re.IGNORECASE),
    "longitude": re.compile(rf"\blongt?itude\s*[:=]\s*{_N}", re.IGNORECASE),
    "focal": re.compile(rf"\bfocal_len\s*[:=]\s*{_N}", re.IGNORECASE),
    "flight_yaw": re.compile(rf"\bdrone_yaw\s*[:=]\s*{_N}", re.IGNORECASE),
}
_HEIGHTS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\brel_alt\s*[:=]\s*{_N}",
        rf"\bH\s+{_N}\s*m",
        rf"\bBAROMETER\s*[:=]\s*{_N}",
        rf"\bHb\s*[:=]\s*{_N}",
        rf"\baltitude\s*[:=]\s*{_N}",
    )
)
_PRY = {
    kind: re.compile(rf"\b{kind}\.PRY\s*\(\s*{_N}{_DEG},\s*{_N}{_DEG},\s*{_N}{_DEG}\)", re.IGNORECASE)
    for kind in "GF"
}
_GB = tuple(re.compile(rf"\bgb_{name}\s*[:=]\s*{_N}", re.IGNORECASE) for name in ("yaw", "pitch", "roll"))
_COARSE_DECIMALS = 4


@dataclass(frozen=True)
class Subtitle:
    """What a subtitle says of one moment.

    Attributes:
        time_s: time in the video.
        position_deg: latitude and longitude; None without a fix.
        height_above_takeoff_m: None if absent.
        gimbal: None if absent.
        flight_yaw_deg: heading of the aircraft; None if absent.
    """

    time_s: float
    position_deg: tuple[float, float] | None
    height_above_takeoff_m: float | None
    gimbal: Gimbal | None
    flight_yaw_deg: float | None


@dataclass(frozen=True)
class Subtitles:
    """The subtitles of a video.

    Attributes:
        path: the file.
        moments: in order of time, at least one.
        started: time of the first subtitle by the drone's clock, taken for UTC; None without dates.
        focal_35mm: focal length for 35 mm film, millimetres; None if absent.
        coarse: whether positions have four decimals or fewer, 11 m.
        height_unsure: whether the height is named `altitude`, which does not say above what.
    """

    path: Path
    moments: tuple[Subtitle, ...]
    started: datetime | None
    focal_35mm: float | None
    coarse: bool
    height_unsure: bool


def read_subtitles(path: Path) -> Subtitles:
    """Read a file of subtitles; those without any telemetry are skipped.

    Raises:
        BagError: if the file cannot be read, or no subtitle has a position.
    """
    try:
        text = _decoded(path.read_bytes())
    except OSError as error:
        raise BagError(f"{path} cannot be read ({clause(error)}); copy it again.") from error
    blocks = list(_blocks(_TAG.sub(" ", text.replace("\r\n", "\n"))))
    started = next((date for _, block in blocks if (date := _date(block)) is not None), None)
    moments = [_moment(time_s, block) for time_s, block in blocks]
    placed = sorted((m for m in moments if m.position_deg is not None), key=lambda m: m.time_s)
    if not placed:
        raise BagError(
            f"{path} has no position with a fix in its {len(blocks)} subtitles; switch on video subtitles in "
            "DJI's app, and record with GNSS."
        )
    focal = next((float(m[1]) for _, block in blocks if (m := _NAMED["focal"].search(block))), None)
    unsure = not any(pattern.search(block) for pattern in _HEIGHTS[:-1] for _, block in blocks)
    return Subtitles(path, tuple(placed), started, _focal_35mm(focal), _is_coarse(blocks), unsure)


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def _blocks(text: str) -> Iterator[tuple[float, str]]:
    """Yield time in the video, seconds, and text of each subtitle."""
    first: datetime | None = None
    for block in _INDEX.split(text):
        date = _date(block)
        first = first or date
        if times := _TIMES.search(block):
            hours, minutes, seconds = (int(part) for part in times.groups()[:3])
            yield hours * 3600.0 + minutes * 60.0 + seconds + float(f"0.{times[4]}"), block
        elif date is not None and first is not None:  # some exports keep only the date
            yield (date - first).total_seconds(), block


def _date(block: str) -> datetime | None:
    found = _DATE.search(block)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        milliseconds = int(found[7] or 0)
        return datetime(year, month, day, hour, minute, second, milliseconds * 1000, timezone.utc)
    except ValueError:
        return None


def _moment(time_s: float, block: str) -> Subtitle:
    return Subtitle(time_s, _position(block), _height_m(block), _gimbal(block), _flight_yaw_deg(block))


def _position(block: str) -> tuple[float, float] | None:
    latitude, longitude = (_NAMED[name].search(block) for name in ("latitude", "longitude"))
    if latitude and longitude:
        return valid_position(float(latitude[1]), float(longitude[1]))
    gps = _GPS.search(block)
    if gps is None:
        return None
    first, second = float(gps[1]), float(gps[2])
    latitude_first = bool(gps[4]) or abs(second) > 90.0
    return valid_position(first, second) if latitude_first else valid_position(second, first)


def _height_m(block: str) -> float | None:
    found = (match for pattern in _HEIGHTS if (match := pattern.search(block)))
    return next((float(match[1]) for match in found), None)


def _gimbal(block: str) -> Gimbal | None:
    if found := _PRY["G"].search(block):
        pitch, roll, yaw = (float(part) for part in found.groups())
        return Gimbal(yaw, pitch, roll)
    parts = [float(found[1]) for pattern in _GB if (found := pattern.search(block))]
    return Gimbal(*parts) if len(parts) == len(_GB) else None


def _flight_yaw_deg(block: str) -> float | None:
    if found := _PRY["F"].search(block):
        return float(found[3])
    named = _NAMED["flight_yaw"].search(block)
    return float(named[1]) if named else None


def _focal_35mm(written: float | None) -> float | None:
    """Return millimetres; most drones write tenths of them, 240 for 24 mm."""
    if written is None or not math.isfinite(written) or written <= 0.0:
        return None
    return written / 10.0 if written >= 100.0 else written


def _is_coarse(blocks: list[tuple[float, str]]) -> bool:
    """Return whether no position has more than four decimals."""
    written = [
        number
        for _, block in blocks
        for pattern in (_GPS, _NAMED["latitude"], _NAMED["longitude"])
        if (found := pattern.search(block))
        for number in found.groups()[:2]
        if number
    ]
    return all(len(number.partition(".")[2]) <= _COARSE_DECIMALS for number in written)
