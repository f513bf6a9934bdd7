# SPDX-License-Identifier: Apache-2.0
"""What the camera shows of the ground: footprint, view size, the heights a view size serves, and tilt."""

import math
from collections.abc import Callable

from geoloc.advice.case import Finding, Fit, Flight
from geoloc.camera.footprint import (
    VIEW_SHARE,
    coverage,
    fitting_height_m,
    footprint,
    ground_pixel_m,
    looking_down,
)
from geoloc.camera.lens import Intrinsics
from geoloc.camera.rig import RigSettings
from geoloc.camera.views import ViewSpec
from geoloc.encoder.card import ModelCard
from geoloc.errors import ParameterError

GOOD_COVERAGE = 0.9
"""Share of a view that suffices: single frames of the procedural world find the right tile in 97 % of cases
with the whole view, in 94 % with 0.9 of it, in 84 % with 0.7 and in 37 % with 0.5; see
tools/studies/view_quality_study.py."""

_HEADINGS_DEG = (0.0, 45.0, 90.0)
_FORWARD_AND_SIDEWAYS_DEG = (0.0, 90.0)
_HALVINGS = 12


def recommended_view_m(flight: Flight, card: ModelCard) -> float:
    """Return the view size in metres: `VIEW_SHARE` of the footprint, no wider than the model was trained for.

    Whole metres, tenths below 10 m.

    Raises:
        ParameterError: where the footprint is too small for any map.
    """
    wanted_m = min(
        VIEW_SHARE * footprint(flight.lens, flight.lowest_m).shorter_m, card.gsd_range_m[1] * card.input_px
    )
    steps = 1 if wanted_m >= 10.0 else 10
    view_m = math.floor(wanted_m * steps) / steps
    if view_m < 1.0:
        raise ParameterError(
            f"the camera shows {wanted_m / VIEW_SHARE:.2f} m of ground from {flight.lowest_m:g} m, too "
            "little for a map; give a larger --height or --fov."
        )
    return view_m


def refusal_height_m(lens: Intrinsics, spec: ViewSpec, min_coverage: float) -> float:
    """Return the height below which frames are refused at some heading, camera straight down, metres."""

    def is_shown(height_m: float) -> bool:
        return _worst_coverage(lens, height_m, spec) >= min_coverage

    return _edge(0.0, fitting_height_m(lens, spec.size_m), is_shown)


def sharp_height_m(lens: Intrinsics, spec: ViewSpec) -> float:
    """Return the height at which a pixel of the frame shows as much ground as one of the view, metres."""
    return spec.gsd_m / ground_pixel_m(lens, 1.0)


def footprint_finding(flight: Flight) -> Finding:
    """Return the footprint at the lowest and the highest height."""
    heights = sorted({flight.lowest_m, flight.highest_m})
    shown = [(footprint(flight.lens, height_m), height_m) for height_m in heights]
    parts = [f"{one.across_m:.0f} m x {one.along_m:.0f} m from {height_m:g} m" for one, height_m in shown]
    return Finding("footprint", Fit.NONE, ", ".join(parts))


def view_finding(
    flight: Flight, card: ModelCard, recommended_m: float, of_map_m: float | None = None
) -> Finding:
    """Return the view size in use: that of the map, where there is one, else the recommended one."""
    shorter_m = footprint(flight.lens, flight.lowest_m).shorter_m
    reason = f"{VIEW_SHARE:g} of the footprint's shorter side"
    if recommended_m < math.floor(VIEW_SHARE * shorter_m):
        reason = f"the widest that {card.id} was trained for"
    if of_map_m is None:
        return Finding("view size", Fit.NONE, f"{recommended_m:g} m, {reason}")
    return Finding(
        "view size",
        Fit.NONE,
        f"{of_map_m:g} m on this map; for this flight {recommended_m:g} m would be chosen ({reason})",
    )


def heights_finding(flight: Flight, spec: ViewSpec, rig: RigSettings) -> Finding:
    """Return the heights that a view size serves, against those that are flown."""
    fitting_m = fitting_height_m(flight.lens, spec.size_m)
    refused_m = refusal_height_m(flight.lens, spec, rig.min_coverage)
    value = (
        f"views of {spec.size_m:g} m fit from {fitting_m:.0f} m on; below {refused_m:.0f} m frames are "
        f"refused (min_coverage {rig.min_coverage:g})"
    )
    if not rig.min_height_m <= flight.lowest_m <= flight.highest_m <= rig.max_height_m:
        limits = f"min_height_m {rig.min_height_m:g} and max_height_m {rig.max_height_m:g}"
        return Finding("heights", Fit.UNFIT, value, f"change {limits} of camera_node, which refuse the rest")
    smaller = "choose a smaller --view-size, a wider lens, or fly higher"
    if flight.lowest_m < refused_m:
        return Finding("heights", Fit.UNFIT, value, smaller)
    if flight.lowest_m < fitting_m * (1 - 1e-9):
        shown = _worst_coverage(flight.lens, flight.lowest_m, spec)
        return Finding("heights", Fit.MARGINAL, f"{value}; {flight.lowest_m:g} m shows {shown:.0%}", smaller)
    return Finding("heights", Fit.GOOD, value)


def tilt_finding(flight: Flight, spec: ViewSpec, rig: RigSettings) -> Finding:
    """Return how much of a view is left at the flight's tilt, and the largest tilt that keeps enough."""
    lens, height_m = flight.lens, flight.lowest_m

    def is_lost(tilt_deg: float) -> bool:
        return _worst_coverage(lens, height_m, spec, tilt_deg) < rig.min_coverage

    if is_lost(0.0):
        return Finding("tilt", Fit.UNFIT, "even without tilt too little of a view is shown; see heights")
    lost = is_lost(rig.max_tilt_deg)
    most_deg = _edge(0.0, rig.max_tilt_deg, is_lost) if lost else rig.max_tilt_deg
    reason = f"min_coverage {rig.min_coverage:g}" if lost else f"max_tilt_deg {rig.max_tilt_deg:g}"
    value = f"up to {most_deg:.0f}° ({reason})"
    if flight.tilt_deg > most_deg:
        remedy = "tilt less, fly higher, or choose a smaller --view-size"
        return Finding("tilt", Fit.UNFIT, value, remedy if lost else "tilt less, or raise max_tilt_deg")
    shown = _worst_coverage(lens, height_m, spec, flight.tilt_deg)
    if flight.tilt_deg:
        value = f"{flight.tilt_deg:g}° leave {shown:.0%} of a view; {value}"
    if shown < GOOD_COVERAGE:
        return Finding("tilt", Fit.MARGINAL, value, "a smaller --view-size leaves more")
    return Finding("tilt", Fit.GOOD, value)


def _worst_coverage(lens: Intrinsics, height_m: float, spec: ViewSpec, tilt_deg: float = 0.0) -> float:
    """Return the least coverage (0 to 1) over headings, and over tilts forward and sideways."""
    towards = _FORWARD_AND_SIDEWAYS_DEG if tilt_deg else (0.0,)
    return min(
        coverage(lens, looking_down(heading_deg, tilt_deg, towards_deg), height_m, spec)
        for heading_deg in _HEADINGS_DEG
        for towards_deg in towards
    )


def _edge(low: float, high: float, is_above: Callable[[float], bool]) -> float:
    """Return where between `low` and `high` a condition begins to hold, by halving."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return high
