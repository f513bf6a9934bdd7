# SPDX-License-Identifier: Apache-2.0
"""Draws plots of claimed covariance against errors: ellipses, NEES and 3σ over time, risk over coverage."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.lib.stride_tricks import sliding_window_view

from geoloc.arrays import Float64Array
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.bootstrap import block_length
from geoloc_lab.metrics.consistency import NOMINAL, SIGMAS, chi2_band, consistency_of
from geoloc_lab.metrics.risk import FALSE_BEYOND_M, RiskCurve, risk_curve
from geoloc_lab.metrics.scalar_metrics import ELLIPSES, intervals_of
from geoloc_lab.reports.plot_style import GOOD, MEASURED, REFERENCE, REFUSED, WRONG, log_ticks, save_png
from geoloc_lab.reports.text import metres

_BINS = 8


def draw_consistency(answers: Answers, out: Path) -> bool:
    """Write a PNG of the claimed covariance against the errors, over the whole flight and over time.

    Returns:
        False if no fix claims a covariance; then no file is written.
    """
    if not np.isfinite(answers.normalised).any():
        return False
    figure = Figure(figsize=(11, 12.5), dpi=120, layout="constrained")
    grid = figure.add_gridspec(3, 2, height_ratios=(1.15, 1, 1))
    _draw_ellipses(figure.add_subplot(grid[0, 0]), answers)
    _draw_reliability(figure.add_subplot(grid[0, 1]), answers)
    over_time = figure.add_subplot(grid[1, :])
    _draw_nees(over_time, answers)
    _draw_three_sigma(figure.add_subplot(grid[2, :], sharex=over_time), answers)
    save_png(figure, out)
    return True


def draw_risk(answers: Answers, out: Path) -> bool:
    """Write a PNG of the risk–coverage curves; return False and write no file if there is no fix."""
    if not answers.answered.any():
        return False
    figure = Figure(figsize=(11, 4.2), dpi=120, layout="constrained")
    in_metres, false = figure.subplots(1, 2)
    draw_curves(in_metres, false, {"ordered by claimed σ": (risk_curve(answers), MEASURED)})
    fixed_m = answers.distance_m[answers.answered]
    coverage = np.arange(1, fixed_m.size + 1) / len(answers) * 100.0
    best_m = np.sort(fixed_m)
    for axes, risk in ((in_metres, best_m), (false, 100.0 * (best_m > FALSE_BEYOND_M[0]))):
        means = np.cumsum(risk) / np.arange(1, risk.size + 1)
        axes.plot(coverage, means, "--", color=GOOD, linewidth=1, label="ordered by error (best)")
        axes.axhline(risk.mean(), color=REFERENCE, linestyle=":", linewidth=1, label="random order")
        axes.legend()
    save_png(figure, out)
    return True


def draw_curves(in_metres: Axes, false: Axes, curves: dict[str, tuple[RiskCurve, str]]) -> None:
    """Draw labelled, coloured risk–coverage curves into two axes."""
    for label, (curve, colour) in curves.items():
        style: dict[str, Any] = {"color": colour, "label": label, "linewidth": 1.6}
        in_metres.plot(curve.coverage * 100.0, curve.mean_error_m, **style)
        false.plot(curve.coverage * 100.0, curve.false_rate * 100.0, **style)
    in_metres.set(ylabel="mean error of accepted fixes, m", title="Mean error over coverage", ylim=(0, None))
    false.set(ylabel="share of accepted fixes, %", title="Errors above 50 m over coverage", ylim=(0, None))
    for axes in (in_metres, false):
        axes.set(xlabel="coverage: fixes accepted, smallest σ first, % of all frames", xlim=(0, 100))
        axes.grid(alpha=0.3)


def _draw_ellipses(axes: Axes, answers: Answers) -> None:
    normalised = np.sort(answers.normalised[~np.isnan(answers.normalised)])
    claimed = 1.0 - np.exp(-normalised / 2.0)
    found = np.arange(1, normalised.size + 1) / normalised.size
    axes.plot([0, 100], [0, 100], color=REFERENCE, linestyle="--", linewidth=1, label="consistent")
    axes.step(
        np.r_[0.0, claimed, 1.0] * 100,
        np.r_[0.0, found, 1.0] * 100,
        where="post",
        color=MEASURED,
        label="measured",
    )
    inside, intervals = consistency_of(answers).inside, intervals_of(answers, ELLIPSES)
    for sigma in SIGMAS:
        low, high = intervals[f"inside_{sigma}"]
        share = inside[sigma]
        error = np.clip([[share - low], [high - share]], 0.0, None) * 100
        axes.errorbar(
            NOMINAL[sigma] * 100, share * 100, error, fmt="o", color=MEASURED, capsize=4, markersize=5
        )
        axes.annotate(
            f"{sigma}σ",
            (NOMINAL[sigma] * 100, share * 100),
            (6, -12),
            textcoords="offset points",
            in_layout=False,
        )
    axes.set(
        xlabel="probability of the ellipse, %",
        ylabel="fixes with the truth inside, %",
        title="Truth inside the ellipse (below the line: over-confident)",
        xlim=(0, 101),
        ylim=(0, 101),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")


def _draw_reliability(axes: Axes, answers: Answers) -> None:
    """Draw the root mean square error of groups of fixes of similar σ over their σ."""
    known = np.isfinite(answers.normalised)
    order = np.argsort(answers.sigma_m[known], kind="stable")
    sigma_m, distance_m = answers.sigma_m[known][order], answers.distance_m[known][order]
    groups = np.array_split(np.arange(sigma_m.size), min(_BINS, sigma_m.size))
    claimed_m, found_m = (
        [float(np.sqrt(np.mean(values[group] ** 2))) for group in groups] for values in (sigma_m, distance_m)
    )
    axes.plot(
        sigma_m, np.maximum(distance_m, 0.01), ".", color=REFERENCE, markersize=3, alpha=0.5, label="fixes"
    )
    axes.plot(
        claimed_m,
        np.maximum(found_m, 0.01),
        "o-",
        color=MEASURED,
        label=f"RMS error of {len(groups)} groups by σ",
    )
    ends = np.array([min(claimed_m) / 2, max(claimed_m) * 2])
    axes.plot(ends, ends, color=REFERENCE, linestyle="--", linewidth=1, label="consistent")
    axes.set(
        xlabel="claimed σ, m", ylabel="error, m", title="Error against claimed σ", xscale="log", yscale="log"
    )
    for axis in (axes.xaxis, axes.yaxis):
        log_ticks(axis)
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_nees(axes: Axes, answers: Answers) -> None:
    known = np.isfinite(answers.normalised)
    values, seconds = answers.normalised[known], _seconds(answers)[known]
    axes.plot(seconds, np.maximum(values, 1e-3), ".", color=REFERENCE, markersize=4, label="single fix")
    low, high = chi2_band(1.0)
    axes.axhspan(low, high, color=GOOD, alpha=0.12, label=f"95 % of single fixes: {low:.2f} to {high:.2f}")
    flight = consistency_of(answers)
    band = f"{flight.band_low:.2f} to {flight.band_high:.2f}"
    label = f"95 % of flight means: {band} (this flight: {flight.nees:.2f})"
    axes.axhspan(flight.band_low, flight.band_high, color=GOOD, alpha=0.35, label=label)
    length = block_length(values.size)
    if values.size > length > 1:
        means = sliding_window_view(values, length).mean(axis=1)
        middle = sliding_window_view(seconds, length).mean(axis=1)
        axes.plot(middle, means, color=MEASURED, linewidth=1.4, label=f"mean of {length} successive fixes")
    axes.set(
        ylabel="squared error / covariance",
        title="Normalized squared error over time, with bands expected of a consistent covariance",
        yscale="log",
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", ncols=2)


def _draw_three_sigma(axes: Axes, answers: Answers) -> None:
    seconds, normalised = _seconds(answers), answers.normalised
    reach_m = _three_sigma_m(answers)
    top_m = 2.5 * float(np.nanmax(reach_m, initial=1.0))
    shown_m = np.minimum(
        answers.distance_m, top_m
    )  # errors of kilometres would flatten the rest of the curve
    axes.fill_between(seconds, 0.0, reach_m, color=MEASURED, alpha=0.15, label="3σ, longest axis")
    axes.plot(seconds, shown_m, ".-", color=MEASURED, markersize=4, linewidth=0.7, label="error")
    outside, refused = normalised > SIGMAS[-1] ** 2, ~answers.answered
    beyond = answers.distance_m > top_m
    axes.plot(seconds[outside], shown_m[outside], "o", color=WRONG, markersize=5, label="outside 3σ")
    if beyond.any():
        label = f"{beyond.sum()} beyond the axis, up to {metres(float(answers.distance_m[beyond].max()))}"
        axes.plot(
            seconds[beyond], shown_m[beyond], "^", color=WRONG, markersize=9, label=label, clip_on=False
        )
    if refused.any():
        axes.plot(
            seconds[refused], np.zeros(refused.sum()), "x", color=REFUSED, label="no fix", clip_on=False
        )
    axes.set(xlabel="time, s", ylabel="error, m", title="Error and claimed 3σ over time", ylim=(0, top_m))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", ncols=5)


def _three_sigma_m(answers: Answers) -> Float64Array:
    """Return three times the longest semi-axis of each ellipse (n,); NaN without a covariance."""
    reach_m = np.full(len(answers), np.nan)
    known = np.isfinite(answers.covariance_m2).all(axis=(1, 2))
    variance = np.linalg.eigvalsh(answers.covariance_m2[known])[:, -1]
    reach_m[known] = 3.0 * np.sqrt(np.clip(variance, 0.0, None))
    return reach_m


def _seconds(answers: Answers) -> Float64Array:
    return np.asarray((answers.stamp_ns - answers.stamp_ns[0]) * 1e-9, dtype=np.float64)
