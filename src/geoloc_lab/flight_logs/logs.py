# SPDX-License-Identifier: Apache-2.0
"""Finds the logs of a flight, and the offset between the clock of a camera and theirs."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from geoloc.errors import BagError
from geoloc_lab.flight_logs.dataflash import read_dataflash
from geoloc_lab.flight_logs.flight_log import FlightLog
from geoloc_lab.flight_logs.ulog import read_ulog

_READERS = {".ulg": read_ulog, ".bin": read_dataflash}
_QUARTER_HOUR_S = 900.0
_QUARTER_HOURS = range(-56, 57)
"""Offsets of a camera's clock that are tried: every time zone, with 14 hours as the largest."""


def find_logs(*folders: Path) -> tuple[Path, ...]:
    """Return the ULogs (.ulg) and DataFlash logs (.bin) that lie in folders."""
    return tuple(
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _READERS and path.is_file()
    )


def read_log(path: Path) -> FlightLog:
    """Read a log by its suffix.

    Raises:
        BagError: if the log cannot be used.
    """
    log = _READERS[path.suffix.lower()](path)
    if not log.has_poses:
        raise BagError(
            f"{path} has no time with attitude, position and height; give the log of another flight."
        )
    return log


def zone_of_camera(taken_s: Sequence[float], log: FlightLog) -> timedelta:
    """Return how far a camera's clock is ahead of UTC, in whole quarters of an hour.

    The offset is the one that puts most photos into the log; 0 if it is among several such offsets, also if
    no offset puts a photo into the log.

    Args:
        taken_s: times of exposure by the camera's clock, seconds since 1970.
        log: log of the same flight.

    Raises:
        BagError: if several offsets put most photos into the log, and 0 is not among them.
    """
    inside = {
        quarters: sum(log.at(time_s - quarters * _QUARTER_HOUR_S) is not None for time_s in taken_s)
        for quarters in _QUARTER_HOURS
    }
    most = max(inside.values())
    best = [quarters for quarters, count in inside.items() if count == most]
    if 0 in best:
        return timedelta(0)
    if len(best) > 1:
        raise BagError(
            f"the photos fit into {log.path} with several time zones of the camera; write EXIF "
            "OffsetTimeOriginal into the photos."
        )
    return timedelta(seconds=best[0] * _QUARTER_HOUR_S)
