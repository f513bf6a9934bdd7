# SPDX-License-Identifier: Apache-2.0
"""Writes the report of a run: report.json, frames.csv, pictures, and report.html, one self-contained page."""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from geoloc import __version__
from geoloc.errors import ParameterError
from geoloc_lab.metrics.records import EvaluationRun
from geoloc_lab.metrics.summary import Summary, summarise
from geoloc_lab.reports.frames_csv import FRAMES, write_frames
from geoloc_lab.reports.plots import pictures
from geoloc_lab.reports.tables import (
    CONSISTENCY_HEADER,
    consistency_rows,
    error_rows,
    latency_rows,
    terminal_table,
)


def write_report(run: EvaluationRun, out: Path) -> Path:
    """Write the report of a run into the folder `out` and return the path of the page.

    Raises:
        ParameterError: where `out` is a file.
        BagError: where no frame has a truth.
    """
    if out.exists() and not out.is_dir():
        raise ParameterError(f"{out} is a file; give the folder the report goes to")
    out.mkdir(parents=True, exist_ok=True)
    summaries = summaries_of(run)
    _write_json(run, summaries, out / "report.json")
    write_frames(run.records, out / FRAMES)
    page = _page(run, summaries, pictures(run, out))
    (out / "report.html").write_text(page, encoding="utf-8")
    return out / "report.html"


def summaries_of(run: EvaluationRun) -> dict[str, Summary]:
    """Return summaries by column name: of all frames, and of each group that has a frame with a truth."""
    pitch_m, tile_m = run.map_directory.pitch_m, run.map_directory.view_size_m
    summaries = {"all": summarise(run.records, pitch_m, tile_m, run.kidnaps_ns)}
    for name, stamps in run.groups.items():
        members = [record for record in run.records if record.stamp_ns in stamps]
        if any(record.has_truth for record in members):
            summaries[name] = summarise(members, pitch_m, tile_m, run.kidnaps_ns)
    return summaries


def metres_table(run: EvaluationRun) -> str:
    """Return the title and the main table of a run as text for a terminal."""
    return f"{run.title}\n\n{terminal_table(summaries_of(run))}"


def _write_json(run: EvaluationRun, summaries: Mapping[str, Summary], path: Path) -> None:
    content = {
        "title": run.title,
        "geoloc": __version__,
        "model": run.map_directory.model_id,
        "tiles": len(run.map_directory.tiles),
        "filtered": run.filtered,
        "notes": dict(run.notes),
        "calibration": None if run.calibration is None else asdict(run.calibration),
        "summary": {name: _summary_json(summary) for name, summary in summaries.items()},
    }
    path.write_text(json.dumps(plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _summary_json(summary: Summary) -> dict[str, Any]:
    """Return a summary under the keys of report.json, where its consistency is called `belief`."""
    return {"belief" if key == "consistency" else key: value for key, value in asdict(summary).items()}


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value for JSON, which has no NaN and no infinity: they become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def page_of(template: str, **content: Any) -> str:  # noqa: ANN401 - what the template asks for
    """Render one of the templates beside this module; markup in the content is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geoloc_lab.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(version=__version__, **content)


def _page(run: EvaluationRun, summaries: Mapping[str, Summary], images: Any) -> str:  # noqa: ANN401
    return page_of(
        "report.html.j2",
        title=run.title,
        notes=run.notes,
        summary=summaries["all"],
        columns=list(summaries),
        rows=error_rows(summaries),
        consistency_header=CONSISTENCY_HEADER,
        consistency=consistency_rows(summaries["all"]),
        latency=latency_rows(summaries["all"]),
        map=run.map_directory,
        images=[(title, data_uri(path)) for title, path in images],
    )


def data_uri(path: Path) -> str:
    """Return a PNG file as a URI, for a page that is one file."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
