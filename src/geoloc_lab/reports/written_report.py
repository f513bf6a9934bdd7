# SPDX-License-Identifier: Apache-2.0
"""Reads a report from its folder, without the plotting packages that writing it needs."""

import json
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from geoloc.encoder.calibration import Calibration
from geoloc.errors import BagError, ModelError, clause
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.records import Record
from geoloc_lab.reports.frames_csv import FRAMES, read_frames

REPORT = "report.json"
UNCALIBRATED = Calibration(-1.0, 0.0, "none")


@dataclass(frozen=True)
class WrittenReport:
    """The content of a report folder.

    Attributes:
        folder: folder of the report.
        title: title of the flight.
        model: id of the evaluated model.
        calibration: calibration of that model at the time, already applied to the covariances.
        records: one record for each frame.
        filtered: whether a filter ran over the flight; if not, each frame was localized on its own.
    """

    folder: Path
    title: str
    model: str
    calibration: Calibration
    records: tuple[Record, ...]
    filtered: bool = True

    @cached_property
    def answers(self) -> Answers:
        """The frames with a truth, as arrays."""
        return Answers.of(self.records)


def read_report(path: Path) -> WrittenReport:
    """Read a report, given its folder or its report.json.

    Raises:
        BagError: if there is no report, or it is damaged, or none of its frames has a truth.
    """
    folder = path.parent if path.name == REPORT else path
    file = folder / REPORT
    if not file.is_file():
        raise BagError(f"{path} is not a report (no {REPORT}); name a folder that `geoloc evaluate` wrote.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        report = WrittenReport(
            folder=folder,
            title=str(content["title"]),
            model=str(content["model"]),
            calibration=_calibration(content["calibration"]),
            records=read_frames(folder / FRAMES),
            filtered=bool(content["filtered"]),
        )
    except (OSError, ValueError, KeyError, TypeError, ModelError) as error:
        raise BagError(
            f"{file} is damaged or of another version ({clause(error)}); write the report again."
        ) from error
    if not len(report.answers):
        raise BagError(f"no frame of {folder} has a truth; evaluate the flight again with a truth.")
    return report


def _calibration(content: dict[str, Any] | None) -> Calibration:
    if content is None:
        return UNCALIBRATED
    return Calibration(**{field.name: content[field.name] for field in fields(Calibration)})
