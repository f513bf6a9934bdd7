# SPDX-License-Identifier: Apache-2.0
"""Reads a DataFlash log of ArduPilot (.bin) with pymavlink."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc.errors import BagError, clause
from geoloc_lab.flight_logs.flight_log import FlightLog, enu_quaternions, on_earth, track

_YEAR_2000_S = 946_684_800.0


def read_dataflash(path: Path) -> FlightLog:
    """Read ATT and POS; the time of the GNSS receiver gives UTC, the height is above home.

    Raises:
        BagError: if pymavlink is not installed, or the file is damaged or lacks one of the messages or the
            time.
    """
    try:
        from pymavlink import DFReader
    except ImportError as error:
        raise BagError(f"{path} needs pymavlink; run `pip install 'geoloc[logs]'`.") from error
    try:
        reader = DFReader.DFReader_binary(str(path), zero_time_base=False)
        attitudes, places = _messages(reader)
    except Exception as error:  # pymavlink raises Exception itself, and others, for a damaged file
        raise BagError(
            f"{path} cannot be read as a DataFlash log ({clause(str(error))}); copy it again."
        ) from error
    for name, found in (("ATT", attitudes), ("POS", places)):
        if not len(found):
            raise BagError(f"{path} has no message {name}; set LOG_BITMASK to log it.")
    if attitudes[0, 0] < _YEAR_2000_S:
        raise BagError(f"{path} has no time of a GNSS receiver with a fix; log GPS.")
    frd = Rotation.from_euler("ZYX", attitudes[:, [3, 2, 1]], degrees=True)
    times_s = places[:, 0]
    return FlightLog(
        path,
        track(attitudes[:, 0], enu_quaternions(frd)),
        track(times_s, on_earth(places[:, 1], places[:, 2])),
        track(times_s, places[:, [3]]),
        "above home",
    )


def _messages(reader: Any) -> tuple[Any, Any]:  # noqa: ANN401 - pymavlink has no types
    """Return rows of time, roll, pitch, yaw, and of time, latitude, longitude, height above home."""
    attitudes, places = [], []
    while (message := reader.recv_match(type=["ATT", "POS"])) is not None:
        time_s = float(message._timestamp)
        if message.get_type() == "ATT":
            attitudes.append((time_s, message.Roll, message.Pitch, message.Yaw))
        else:
            places.append((time_s, message.Lat, message.Lng, message.RelHomeAlt))
    return np.array(attitudes, dtype=np.float64), np.array(places, dtype=np.float64)
