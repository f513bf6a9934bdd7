# SPDX-License-Identifier: Apache-2.0
"""Writes the report of a run: report.json, frames.csv, plots, and the self-contained page report.html."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jinja2

from geoloc import __version__
from geoloc.errors import ParameterError, clause
from geoloc_lab.metrics.records import EvaluationRun
from geoloc_lab.metrics.summary import Summary, refusal_sentences, summarise
from geoloc_lab.reports.frames_csv import FRAMES, write_frames
from geoloc_lab.reports.plots import Plot, draw_plots
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
        ParameterError: if `out` is a file, or cannot be written, as on a full disk.
        BagError: if no frame has a truth.
    """
    if out.exists() and not out.is_dir():
        raise ParameterError(f"{out} is a file; give a folder for the report.")
    summaries = summaries_of(run)
    try:
        out.mkdir(parents=True, exist_ok=True)
        _write_json(run, summaries, out / "report.json")
        write_frames(run.records, out / FRAMES)
        page = _page(run, summaries, draw_plots(run, out))
        (out / "report.html").write_text(page, encoding="utf-8")
    except OSError as error:
        raise ParameterError(
            f"the report cannot be written to {out} ({clause(error)}); free space or name another folder."
        ) from error
    return out / "report.html"


def summaries_of(run: EvaluationRun) -> dict[str, Summary]:
    """Return summaries by column: `all` for all frames, then each group that has a frame with a truth."""
    pitch_m, tile_m = run.map_directory.pitch_m, run.map_directory.view_size_m
    summaries = {"all": summarise(run.records, pitch_m, tile_m, run.kidnaps_ns)}
    for name, stamps in run.groups.items():
        members = [record for record in run.records if record.stamp_ns in stamps]
        if any(record.has_truth for record in members):
            summaries[name] = summarise(members, pitch_m, tile_m, run.kidnaps_ns)
    return summaries


def metres_table(run: EvaluationRun) -> str:
    """Return title, main table, a sentence for each reason of a refusal, and remarks, for a terminal."""
    table = terminal_table(summaries_of(run), refusal_sentences(run.records), run.remarks)
    return f"{run.title}\n\n{table}"


def _write_json(run: EvaluationRun, summaries: Mapping[str, Summary], path: Path) -> None:
    content = {
        "title": run.title,
        "geoloc": __version__,
        "model": run.map_directory.model_id,
        "tiles": len(run.map_directory.tiles),
        "filtered": run.filtered,
        "notes": _notes(run),
        "calibration": None if run.calibration is None else asdict(run.calibration),
        "summary": {name: _summary_json(summary) for name, summary in summaries.items()},
    }
    path.write_text(json.dumps(plain(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _notes(run: EvaluationRun) -> dict[str, str]:
    return {**run.notes, **({"remarks": " ".join(run.remarks)} if run.remarks else {})}


def _summary_json(summary: Summary) -> dict[str, Any]:
    """Return a summary under the keys of report.json, in which `consistency` is called `belief`."""
    return {"belief" if key == "consistency" else key: value for key, value in asdict(summary).items()}


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Convert a value for JSON: mappings and sequences to plain ones, NaN and infinity to null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def page_of(template: str, **content: Any) -> str:  # noqa: ANN401 - any variable of the template
    """Render a template from the folder of this module; markup in the content is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("geoloc_lab.reports", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(version=__version__, **content)


def _page(run: EvaluationRun, summaries: Mapping[str, Summary], plots: Sequence[Plot]) -> str:
    return page_of(
        "report.html.j2",
        title=run.title,
        notes=_notes(run),
        summary=summaries["all"],
        columns=list(summaries),
        rows=error_rows(summaries),
        consistency_header=CONSISTENCY_HEADER,
        consistency=consistency_rows(summaries["all"]),
        latency=latency_rows(summaries["all"]),
        map=run.map_directory,
        plots=[(plot.title, plot.caption, data_uri(plot.path)) for plot in plots],
    )


def data_uri(path: Path) -> str:
    """Return a PNG file as a data URI, to embed it in a page."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
