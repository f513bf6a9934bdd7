# SPDX-License-Identifier: Apache-2.0
"""Writes and reads frames.csv, the records of a run with one row for each frame."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.errors import BagError, Reason, clause
from geoloc_lab.metrics.records import Record
from geoloc_lab.metrics.summary import horizontal_errors_m

FRAMES = "frames.csv"
_LATENCY = "latency_ms: "
_NUMBERS = (
    "truth_latitude_deg",
    "truth_longitude_deg",
    "latitude_deg",
    "longitude_deg",
    "score",
    "margin",
    "top_tile_error_m",
    "oracle_error_m",
    "attitude_m",
)
_WHOLE = ("stamp_ns", "top_tile", "true_tile", "refined")
_COVARIANCE = {"covariance_ee_m2": (0, 0), "covariance_en_m2": (0, 1), "covariance_nn_m2": (1, 1)}
_COLUMNS = ("stamp_ns", "name", *_NUMBERS[:4], "error_m", *_COVARIANCE, "reason", "sentence", *_NUMBERS[4:])


def write_frames(records: Sequence[Record], path: Path) -> None:
    """Write records as CSV: degrees to 1e-9, metres to 0.1 mm, unknown numbers as empty cells."""
    stages = list(dict.fromkeys(stage for record in records for stage in record.latency_ms))
    columns = [*_COLUMNS, *_WHOLE[1:], *(f"{_LATENCY}{stage}" for stage in stages)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for record, error_m in zip(records, horizontal_errors_m(records), strict=True):
            writer.writerow(_row(record, float(error_m)))


def read_frames(path: Path) -> tuple[Record, ...]:
    """Read the records that `write_frames` wrote.

    Raises:
        BagError: if the file is missing or is not such a table.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return tuple(_record(row) for row in csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise BagError(
            f"{path} is not a table of frames ({clause(error)}); write the report again."
        ) from error


def _row(record: Record, error_m: float) -> dict[str, str | int]:
    return {
        "name": record.name,
        "error_m": _text(error_m, 3),
        "reason": str(record.reason or ""),
        "sentence": record.sentence,
        **{name: int(getattr(record, name)) for name in _WHOLE},
        **{name: _text(getattr(record, name), 9 if name.endswith("deg") else 4) for name in _NUMBERS},
        **{name: _text(float(record.covariance_m2[at]), 4) for name, at in _COVARIANCE.items()},
        **{f"{_LATENCY}{stage}": _text(ms, 3) for stage, ms in record.latency_ms.items()},
    }


def _record(row: Mapping[str, str]) -> Record:
    covariance = np.empty((2, 2))
    for name, (i, j) in _COVARIANCE.items():
        covariance[i, j] = covariance[j, i] = _number(row[name])
    latency_ms = {
        key.removeprefix(_LATENCY): float(v) for key, v in row.items() if key.startswith(_LATENCY) and v
    }
    whole: dict[str, Any] = {name: int(row[name]) for name in _WHOLE}
    whole["refined"] = bool(whole["refined"])
    numbers: dict[str, Any] = {name: _number(row[name]) for name in _NUMBERS}
    return Record(
        name=row["name"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        sentence=row["sentence"],
        covariance_m2=covariance,
        latency_ms=latency_ms,
        **whole,
        **numbers,
    )


def _text(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def _number(text: str) -> float:
    return float(text) if text else math.nan
