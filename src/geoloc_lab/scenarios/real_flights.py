# SPDX-License-Identifier: Apache-2.0
"""Evaluates the real photo flights that the table lists beside the scenarios."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc import __version__
from geoloc.errors import BagError
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.photo_flights.evaluation import distractor_pictures, evaluate_photos, prepare_flight
from geoloc_lab.photo_flights.folder import FlightFolder, find_flights, photos_in
from geoloc_lab.reports.frames_csv import FRAMES, read_frames
from geoloc_lab.reports.report import write_report
from geoloc_lab.scenarios.finished_steps import begin, checksum, finish, is_done

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_HOW = "every photo on its own, because photos are seconds apart without odometry"


def fly_real(
    data: Path, encoder: "Encoder", out: Path, say: Callable[[str], None], *, again: bool = False
) -> dict[str, Answers]:
    """Localize the flights in `data` that have no report in `out` yet; return all answers by flight name.

    Raises:
        GeolocError: for a flight that cannot be used.
    """
    try:
        folders = find_flights(data)
    except BagError as error:
        say(f"the table shows no real flights: {error}")
        return {}
    found = {}
    for folder in folders:
        report = out / folder.name / "report"
        recipe = recipe_of(folder, encoder)
        if again or not is_done(report, recipe):
            begin(report)
            _fly(folder, folders, data, encoder, report)
            finish(report, recipe)
        found[f"flights/{folder.name}"] = Answers.of(read_frames(report / FRAMES))
    return found


def recipe_of(folder: FlightFolder, encoder: "Encoder") -> str:
    """Return the checksum of a flight's tables, its recordings by name and size, and the model."""
    tables = [path for path in (folder.queries, folder.independent) if path is not None and path.is_file()]
    listed = () if folder.queries or folder.videos else photos_in(folder.images)  # queries lists the photos
    recorded = (*listed, *folder.videos, *folder.logs)
    return checksum(
        *(path.read_text(encoding="utf-8") for path in tables),
        *(f"{path.name} {path.stat().st_size}" for path in recorded),
        encoder.card.sha256,
        repr(encoder.card.calibration),
        __version__,
    )


def _fly(
    folder: FlightFolder, folders: list[FlightFolder], data: Path, encoder: "Encoder", report: Path
) -> None:
    others = distractor_pictures(data, folders, folder)
    prepared = prepare_flight(folder, others, encoder, report.parent)
    write_report(evaluate_photos(prepared, encoder, _HOW), report)
