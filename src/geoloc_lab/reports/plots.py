# SPDX-License-Identifier: Apache-2.0
"""Draws the plots of a report: positions on the map, errors over time, and the worst frames."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geoloc.arrays import BoolArray, Float64Array
from geoloc.camera.views import fill_invalid
from geoloc.raster.colours import Rgb
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.records import EvaluationRun, Record
from geoloc_lab.metrics.summary import horizontal_errors_m
from geoloc_lab.reports.consistency_plots import draw_consistency, draw_risk
from geoloc_lab.reports.plot_style import MEASURED, REFERENCE, REFUSED, log_ticks, save_png
from geoloc_lab.reports.text import metres

if TYPE_CHECKING:
    from geoloc.raster.views import Raster

Window = tuple[float, float, float]  # centre east, centre north, width; metres

_TRUTH, _ESTIMATE, _ERROR = "#19d3f3", "#ffd400", "#ff5a36"
_MAP_PX = 1100
_WORST = 6
_HEADINGS = {
    "map.png": (
        "True and estimated positions on the map",
        "A line connects each true position with its estimate.",
    ),
    "errors.png": (
        "Position error",
        "Left: horizontal distance from truth to estimate over time. Right: share of all frames with at most "
        "this error; frames without a fix keep the curve below 100 %. Grey: distance from the true centre of "
        "the view to the nearest tile centre, the error of a perfect choice of tile without refinement.",
    ),
    "belief.png": (
        "Consistency of covariance and error",
        "The covariance is consistent if it predicts the size of the errors. Top left: share of fixes whose "
        "truth lies inside the ellipse of a given probability. Top right: error against claimed σ. Below, "
        "over time: squared error normalized by the covariance (2 on average if consistent), and error with "
        "claimed 3σ.",
    ),
    "risk.png": (
        "Risk and coverage",
        "Fixes are accepted in the order of their claimed σ, smallest first. If σ is useful, inaccurate "
        "fixes come last: the curve lies near that of the best order and rises only at the right.",
    ),
    "worst.png": (
        "Frames with the largest errors",
        "The view that the encoder saw, the most similar tile of the map, and the tile nearest to the true "
        "centre of the view.",
    ),
}
_FARTHEST_MAPS = 10.0  # largest plot, in widths of the map


@dataclass(frozen=True)
class Plot:
    """A plot of the page: PNG file, heading and caption."""

    path: Path
    title: str
    caption: str


def draw_map(run: EvaluationRun, out: Path) -> None:
    """Write a PNG of the map with the true track, the estimates, and lines from truths to estimates."""
    truth_m, estimate_m = _positions_m(run)
    with run.map_directory.raster() as raster:
        window = _window(raster, truth_m)
        east_m, north_m, width_m = window
        picture, valid = raster.view(east_m, north_m, width_m, _MAP_PX)
    picture[~valid] = 255
    figure = Figure(figsize=(9, 9), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    extent = (east_m - width_m / 2, east_m + width_m / 2, north_m - width_m / 2, north_m + width_m / 2)
    axes.imshow(picture, extent=extent, interpolation="antialiased")
    _draw_tracks(axes, run, truth_m, estimate_m)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="east, m", ylabel="north, m", title=run.title)
    outside = int(np.sum(np.isfinite(estimate_m[:, 0]) & ~_inside(estimate_m, window)))
    if outside:
        axes.text(0.01, 0.01, f"estimates outside this plot: {outside}", transform=axes.transAxes, **_LABEL)
    axes.legend(loc="upper right", framealpha=0.85)
    save_png(figure, out)


def draw_errors(run: EvaluationRun, out: Path) -> None:
    """Write a PNG of the error over time and of its cumulative distribution over all frames."""
    scored = [record for record in run.records if record.has_truth]
    errors_m = horizontal_errors_m(scored)
    oracle_m = np.array([record.oracle_error_m for record in scored])
    seconds = np.array([(record.stamp_ns - scored[0].stamp_ns) * 1e-9 for record in scored])
    figure = Figure(figsize=(11, 4.2), dpi=130, layout="constrained")
    over_time, distribution = figure.subplots(1, 2)
    _draw_over_time(over_time, seconds, errors_m, oracle_m)
    _draw_distribution(distribution, errors_m, oracle_m, run.map_directory.view_size_m)
    save_png(figure, out)


def draw_worst(run: EvaluationRun, out: Path) -> bool:
    """Write a PNG of the worst frames: the view, the best tile, and the nearest tile.

    Returns:
        False if the run has no views; then no file is written.
    """
    worst = worst_records(run)
    if not worst:
        return False
    figure = Figure(figsize=(8.4, 3.0 * len(worst)), dpi=110, layout="constrained")
    rows = np.atleast_2d(figure.subplots(len(worst), 3))
    tiles = run.map_directory.tiles
    with run.map_directory.raster() as raster:
        for row, (record, error_m) in zip(rows, worst, strict=True):
            label = record.name or f"{(record.stamp_ns - run.records[0].stamp_ns) * 1e-9:.1f} s"
            _show(row[0], run.views[record.stamp_ns], f"view, {label}: error {metres(error_m)}")
            best = f"best tile: {metres(record.top_tile_error_m)} away, score {record.score:.2f}"
            _show(row[1], _tile_image(raster, tiles, record.top_tile), best)
            _show(row[2], _tile_image(raster, tiles, record.true_tile), "tile nearest to the truth")
    save_png(figure, out)
    return True


def worst_records(run: EvaluationRun, count: int = _WORST) -> list[tuple[Record, float]]:
    """Return the frames with the largest errors and a view, each with its error, worst first."""
    errors_m = horizontal_errors_m(run.records)
    order = np.argsort(-np.nan_to_num(errors_m, nan=-1.0), kind="stable")
    shown = [i for i in order if math.isfinite(errors_m[i]) and run.records[i].stamp_ns in run.views]
    return [(run.records[i], float(errors_m[i])) for i in shown[:count]]


_LABEL: dict[str, Any] = {"color": "black", "backgroundcolor": "#ffffffd0", "fontsize": 9}


def _positions_m(run: EvaluationRun) -> tuple[Float64Array, Float64Array]:
    records = run.records
    frame = run.map_directory.frame
    truth = frame.to_local([r.truth_latitude_deg for r in records], [r.truth_longitude_deg for r in records])
    estimate = frame.to_local([r.latitude_deg for r in records], [r.longitude_deg for r in records])
    return _finite(np.column_stack(truth)), _finite(np.column_stack(estimate))


def _finite(points: Float64Array) -> Float64Array:
    # PROJ returns inf for positions that it cannot project.
    return np.where(np.isfinite(points), points, math.nan)


def _window(raster: "Raster", truth_m: Float64Array) -> Window:
    """Return the square that shows the map and the true track, or only the map if the track is far away."""
    left, bottom, right, top = raster.bounds_m
    low = np.fmin([left, bottom], np.nanmin(truth_m, axis=0))
    high = np.fmax([right, top], np.nanmax(truth_m, axis=0))
    if (high - low).max() > _FARTHEST_MAPS * max(right - left, top - bottom):
        low, high = np.array([left, bottom]), np.array([right, top])
    centre = (low + high) / 2
    return float(centre[0]), float(centre[1]), float((high - low).max()) * 1.02


def _inside(points_m: Float64Array, window: Window) -> BoolArray:
    east_m, north_m, width_m = window
    return np.asarray(np.abs(points_m - (east_m, north_m)).max(axis=1) <= width_m / 2)


def _draw_tracks(axes: Axes, run: EvaluationRun, truth_m: Float64Array, estimate_m: Float64Array) -> None:
    fixed = np.isfinite(estimate_m[:, 0]) & np.isfinite(truth_m[:, 0])
    segments = np.stack([truth_m[fixed], estimate_m[fixed]], axis=1)
    axes.add_collection(LineCollection(list(segments), colors=_ERROR, linewidths=1.1, label="error"))
    axes.plot(*truth_m.T, color="black", linewidth=3.2, alpha=0.55)
    axes.plot(*truth_m.T, color=_TRUTH, linewidth=1.6, label="truth", marker=_track_marker(run), markersize=3)
    style: dict[str, Any] = {"s": 16, "edgecolors": "black", "linewidths": 0.5, "zorder": 3}
    axes.scatter(*estimate_m[fixed].T, color=_ESTIMATE, label="estimate", **style)
    refused = ~fixed & np.isfinite(truth_m[:, 0])
    if refused.any():
        axes.scatter(*truth_m[refused].T, color=REFUSED, marker="X", label="no fix", **(style | {"s": 30}))


def _track_marker(run: EvaluationRun) -> str:
    return "o" if len(run.records) <= 100 else ""


def _draw_over_time(
    axes: Axes, seconds: Float64Array, errors_m: Float64Array, oracle_m: Float64Array
) -> None:
    axes.plot(seconds, errors_m, ".-", color=MEASURED, markersize=4, linewidth=0.8, label="error")
    if np.isfinite(oracle_m).any():
        axes.plot(seconds, oracle_m, color=REFERENCE, linewidth=0.8, label="distance to nearest tile centre")
    lost = ~np.isfinite(errors_m)
    if lost.any():
        axes.plot(seconds[lost], np.zeros(lost.sum()), "x", color=REFUSED, label="no fix", clip_on=False)
    axes.set(xlabel="time, s", ylabel="horizontal error, m", title="Error over time", ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_distribution(axes: Axes, errors_m: Float64Array, oracle_m: Float64Array, tile_m: float) -> None:
    known = oracle_m[np.isfinite(oracle_m)]
    if known.size:
        axes.step(
            *_cumulative(known, known.size),
            where="post",
            color=REFERENCE,
            label="distance to nearest tile centre",
        )
    fixed = errors_m[np.isfinite(errors_m)]
    axes.step(*_cumulative(fixed, errors_m.size), where="post", color=MEASURED, label="error")
    axes.axvline(tile_m, color="#cc7a00", linestyle="--", linewidth=1, label=f"tile width, {tile_m:g} m")
    axes.set(
        xlabel="horizontal error, m",
        ylabel="share of all frames, %",
        title="Cumulative distribution of the error",
        ylim=(0, 101),
    )
    axes.set_xscale("log")
    axes.set_xlim(0.5, max(2 * tile_m, float(fixed.max(initial=0.0)) * 1.2))
    log_ticks(axes.xaxis)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")


def _cumulative(values: Float64Array, count: int) -> tuple[Float64Array, Float64Array]:
    """Return the cumulative distribution of values as steps from 0, in per cent of `count`."""
    steps = np.concatenate([[0.0], np.sort(values)])
    return steps, np.arange(steps.size) / count * 100.0


def _tile_image(raster: "Raster", tiles: NDArray[np.void], tile: int) -> Rgb | None:
    """Return the imagery of a tile; None if the raster does not cover it, as with distractor tiles."""
    if tile < 0:
        return None
    row = tiles[tile]
    image, valid = raster.view(float(row["east_m"]), float(row["north_m"]), float(row["size_m"]), 256)
    return fill_invalid(image, valid) if valid.any() else None


def _show(axes: Axes, image: Rgb | None, title: str) -> None:
    axes.set_axis_off()
    axes.set_title(title, fontsize=9)
    if image is None:
        axes.text(0.5, 0.5, "outside the map's imagery", ha="center", va="center", transform=axes.transAxes)
    else:
        axes.imshow(image)


def draw_plots(run: EvaluationRun, folder: Path) -> list[Plot]:
    """Draw every plot into the folder and return them in the order of the page."""
    answers = Answers.of(run.records)
    draw_map(run, folder / "map.png")
    draw_errors(run, folder / "errors.png")
    drawn = {
        "map.png": True,
        "errors.png": True,
        "belief.png": draw_consistency(answers, folder / "belief.png"),
        "risk.png": draw_risk(answers, folder / "risk.png"),
        "worst.png": draw_worst(run, folder / "worst.png"),
    }
    return [Plot(folder / name, *_HEADINGS[name]) for name, exists in drawn.items() if exists]
