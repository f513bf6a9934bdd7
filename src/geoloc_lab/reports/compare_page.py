# SPDX-License-Identifier: Apache-2.0
"""A comparison on one page and in one picture: cumulative errors and risk–coverage curves, overlaid."""

import base64
import json
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter

from geoloc.errors import ParameterError
from geoloc_lab.metrics.risk import risk_curve
from geoloc_lab.reports.comparison import Comparison, comparison_table
from geoloc_lab.reports.consistency_plots import draw_curves
from geoloc_lab.reports.report import page_of, plain

_COLOURS = ("#1f6feb", "#d62728", "#2ca02c", "#cc7a00", "#7b3fc6", "#17a2b8", "#888888", "#000000")


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Write compare.html, compare.png and compare.json into the folder `out`; returns the page's path.

    Raises:
        ParameterError: where `out` is a file.
    """
    if out.exists() and not out.is_dir():
        raise ParameterError(f"{out} is a file; give the folder the comparison goes to")
    out.mkdir(parents=True, exist_ok=True)
    draw_comparison(comparison, out / "compare.png")
    content = json.dumps(plain(comparison.as_json()), indent=2, allow_nan=False)
    (out / "compare.json").write_text(content + "\n", encoding="utf-8")
    picture = base64.b64encode((out / "compare.png").read_bytes()).decode("ascii")
    page = page_of(
        "compare.html.j2",
        comparison=comparison,
        table=comparison_table(comparison),
        picture=f"data:image/png;base64,{picture}",
    )
    (out / "compare.html").write_text(page, encoding="utf-8")
    return out / "compare.html"


def draw_comparison(comparison: Comparison, out: Path) -> None:
    """Write the picture."""
    figure = Figure(figsize=(15, 4.6), dpi=110, layout="constrained")
    errors, in_metres, false = figure.subplots(1, 3)
    curves = {}
    for i, (name, answers) in enumerate(zip(comparison.names, comparison.answers, strict=True)):
        colour = _COLOURS[i % len(_COLOURS)]
        distance_m = np.sort(answers.distance_m[answers.answered])
        share = np.arange(1, distance_m.size + 1) / len(answers) * 100.0
        errors.step(np.maximum(distance_m, 0.1), share, where="post", color=colour, label=name)
        curves[name] = (risk_curve(answers), colour)
    errors.set(
        xlabel="horizontal error, m", ylabel="% of all frames", title="Share of frames within", ylim=(0, 101)
    )
    errors.set_xscale("log")
    errors.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    errors.grid(alpha=0.3)
    errors.legend(loc="lower right")
    draw_curves(in_metres, false, curves)
    figure.savefig(out, pil_kwargs={"compress_level": 3})
