# SPDX-License-Identifier: Apache-2.0
"""Reads a ULog of PX4 with pyulog."""

import contextlib
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.arrays import Float64Array
from geoloc.errors import BagError, clause
from geoloc_lab.flight_logs.flight_log import FlightLog, Track, enu_quaternions, on_earth, track

_RECEIVERS = ("vehicle_gps_position", "sensor_gps")
_TOPICS = [
    "vehicle_attitude",
    "vehicle_global_position",
    "vehicle_local_position",
    "distance_sensor",
    *_RECEIVERS,
]
_FIX_3D = 3
_HEADER, _MESSAGE = struct.Struct("<8sQ"), struct.Struct("<Hc")
_DEFINITIONS, _FIRST_OF_DATA = (b"B", b"F", b"I", b"M", b"P", b"Q"), (b"A", b"L", b"C")
_DAMAGED = (OSError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, struct.error)
"""What pyulog lets pass of a damaged file, besides its own exception."""
_YEAR_2000_US = 946_684_800e6
_MEASURED_SHARE = 0.5


def read_ulog(path: Path) -> FlightLog:
    """Read attitude, position and height; the time of the GNSS receiver turns the log's clock into UTC.

    The height is above ground where the log has a distance sensor, otherwise above the place of the first
    sample.

    Raises:
        BagError: if pyulog is not installed, or the file is damaged, or lacks one of the three or the time.
    """
    try:
        from pyulog import ULog
        from pyulog.exceptions import ULogException
    except ImportError as error:
        raise BagError(f"{path} needs pyulog; run `pip install 'geoloc[logs]'`.") from error
    try:
        _check_definitions(path.read_bytes())
        with contextlib.redirect_stdout(io.StringIO()):  # pyulog prints what it notices
            log = ULog(str(path), _TOPICS)
        topics = {data.name: data.data for data in reversed(log.data_list)}  # the first instance wins
        return _flight_log(path, topics)
    except (ULogException, *_DAMAGED) as error:
        raise BagError(f"{path} cannot be read as a ULog ({clause(str(error))}); copy it again.") from error


def _flight_log(path: Path, topics: dict[str, Any]) -> FlightLog:
    start_s = _utc_of_clock_s(path, topics)
    height, height_is = _height(path, topics, start_s)
    return FlightLog(
        path, _attitude(path, topics, start_s), _position(path, topics, start_s), height, height_is
    )


def _check_definitions(data: bytes) -> None:
    """Check the messages before the first data; pyulog 1.3 does not return from damaged ones."""
    place = _HEADER.size
    while place + _MESSAGE.size <= len(data):
        size, kind = _MESSAGE.unpack_from(data, place)
        if kind in _FIRST_OF_DATA:
            return
        if kind not in _DEFINITIONS:
            break
        place += _MESSAGE.size + size
    raise ValueError("its definitions are damaged")


def _column(topic: dict[str, Any], name: str) -> Float64Array:
    return np.asarray(topic[name], dtype=np.float64)


def _times_s(topic: dict[str, Any], start_s: float) -> Float64Array:
    # A clock of the log may count from 1970: whole microseconds keep it exact.
    return np.asarray(topic["timestamp"].astype(np.int64) / 1e6 + start_s)


def _utc_of_clock_s(path: Path, topics: dict[str, Any]) -> float:
    """Return what is added to the log's clock, seconds, to give UTC."""
    for name in _RECEIVERS:
        topic = topics.get(name)
        if topic is None or "time_utc_usec" not in topic:
            continue
        good = (_column(topic, "time_utc_usec") > _YEAR_2000_US) & (_column(topic, "fix_type") >= _FIX_3D)
        if good.any():
            ahead_us = topic["time_utc_usec"].astype(np.int64) - topic["timestamp"].astype(np.int64)
            return float(np.median(ahead_us[good])) / 1e6
    raise BagError(f"{path} has no time of a GNSS receiver with a fix; log vehicle_gps_position.")


def _attitude(path: Path, topics: dict[str, Any], start_s: float) -> Track:
    topic = topics.get("vehicle_attitude")
    if topic is None:
        raise BagError(f"{path} has no vehicle_attitude; enable its logging (SDLOG_PROFILE).")
    w, x, y, z = (_column(topic, f"q[{i}]") for i in range(4))
    xyzw = np.column_stack([x, y, z, w])
    sound = np.abs(np.linalg.norm(xyzw, axis=1) - 1.0) < 0.1
    if not sound.any():
        raise BagError(f"{path} has no valid vehicle_attitude; give the log of another flight.")
    return track(_times_s(topic, start_s)[sound], enu_quaternions(Rotation.from_quat(xyzw[sound])))


def _position(path: Path, topics: dict[str, Any], start_s: float) -> Track:
    for name in ("vehicle_global_position", *_RECEIVERS):
        topic = topics.get(name)
        if topic is None:
            continue
        places = on_earth(*_degrees(topic))
        if "fix_type" in topic:
            places[_column(topic, "fix_type") < _FIX_3D] = np.nan
        found = track(_times_s(topic, start_s), places)
        if len(found.utc_s):
            return found
    raise BagError(f"{path} has no position with a fix; log vehicle_global_position.")


def _degrees(topic: dict[str, Any]) -> tuple[Float64Array, Float64Array]:
    if "latitude_deg" in topic:
        return _column(topic, "latitude_deg"), _column(topic, "longitude_deg")
    scale = 1e-7 if np.issubdtype(topic["lat"].dtype, np.integer) else 1.0
    return _column(topic, "lat") * scale, _column(topic, "lon") * scale


def _height(path: Path, topics: dict[str, Any], start_s: float) -> tuple[Track, str]:
    topic = topics.get("vehicle_local_position")
    if topic is None:
        raise BagError(f"{path} has no vehicle_local_position; enable its logging (SDLOG_PROFILE).")
    times_s = _times_s(topic, start_s)
    if "distance_sensor" in topics and "dist_bottom_valid" in topic:
        measured = _column(topic, "dist_bottom_valid") > 0.0
        if measured.mean() > _MEASURED_SHARE:
            return track(times_s[measured], _column(topic, "dist_bottom")[measured, None]), "above ground"
    valid = _column(topic, "z_valid") > 0.0 if "z_valid" in topic else np.ones(len(times_s), dtype=bool)
    down_m = _column(topic, "z")[valid]
    if not len(down_m):
        raise BagError(
            f"{path} has no valid height in vehicle_local_position; give the log of another flight."
        )
    return track(times_s[valid], (down_m[0] - down_m)[:, None]), "above take-off"
