# SPDX-License-Identifier: Apache-2.0
"""Findings about the ground that the camera shows: footprint, view size, heights and tilt."""

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
"""Share of a view that must be covered to be judged good. Over the procedural world, the right tile is the
best one for 97 % of single frames with the whole view, for 94 % with 0.9 of it, for 84 % with 0.7 and for
37 % with 0.5; see tools/studies/view_quality_study.py."""

_HEADINGS_DEG = (0.0, 45.0, 90.0)
_FORWARD_AND_SIDEWAYS_DEG = (0.0, 90.0)
_HALVINGS = 12


def recommended_view_m(flight: Flight, card: ModelCard) -> float:
    """Return the recommended view size in metres: `VIEW_SHARE` of the footprint's shorter side.

    It is at most the widest view that the model was trained for. It is rounded down to metres, or to
    tenths of a metre below 10 m.

    Raises:
        ParameterError: if the footprint is too small for any map.
    """
    wanted_m = min(
        VIEW_SHARE * footprint(flight.lens, flight.lowest_m).shorter_m, card.gsd_range_m[1] * card.input_px
    )
    steps = 1 if wanted_m >= 10.0 else 10
    view_m = math.floor(wanted_m * steps) / steps
    if view_m < 1.0:
        raise ParameterError(
            f"the camera shows {wanted_m / VIEW_SHARE:.2f} m of ground from {flight.lowest_m:g} m, which is "
            "too little for a map; give a larger --height or --fov."
        )
    return view_m


def refusal_height_m(lens: Intrinsics, spec: ViewSpec, min_coverage: float) -> float:
    """Return the height (metres) below which frames of an untilted camera are refused at some heading."""

    def is_shown(height_m: float) -> bool:
        return _worst_coverage(lens, height_m, spec) >= min_coverage

    return _edge(0.0, fitting_height_m(lens, spec.size_m), is_shown)


def sharp_height_m(lens: Intrinsics, spec: ViewSpec) -> float:
    """Return the height (metres) at which pixels of the frame and of the view show equal ground."""
    return spec.gsd_m / ground_pixel_m(lens, 1.0)


def footprint_finding(flight: Flight) -> Finding:
    """Return the footprints from the lowest and the highest height."""
    heights = sorted({flight.lowest_m, flight.highest_m})
    shown = [(footprint(flight.lens, height_m), height_m) for height_m in heights]
    parts = [f"{one.across_m:.0f} m x {one.along_m:.0f} m from {height_m:g} m" for one, height_m in shown]
    return Finding("footprint", Fit.NONE, f"the camera shows {' and '.join(parts)}")


def view_finding(
    flight: Flight, card: ModelCard, recommended_m: float, of_map_m: float | None = None
) -> Finding:
    """Return the view size: that of the map if there is one, and the recommended view size."""
    shorter_m = footprint(flight.lens, flight.lowest_m).shorter_m
    reason = f"{VIEW_SHARE:g} of the footprint's shorter side"
    if recommended_m < math.floor(VIEW_SHARE * shorter_m):
        reason = f"the widest view that {card.id} was trained for"
    if of_map_m is None:
        return Finding("view size", Fit.NONE, f"{recommended_m:g} m is recommended: {reason}")
    return Finding(
        "view size",
        Fit.NONE,
        f"this map has {of_map_m:g} m; for this flight {recommended_m:g} m is recommended: {reason}",
    )


def heights_finding(flight: Flight, spec: ViewSpec, rig: RigSettings) -> Finding:
    """Return the heights that suit a view size, and judge the heights of the flight."""
    fitting_m = fitting_height_m(flight.lens, spec.size_m)
    refused_m = refusal_height_m(flight.lens, spec, rig.min_coverage)
    value = (
        f"a {spec.size_m:g} m view fits into the frame from {fitting_m:.0f} m up; below {refused_m:.0f} m "
        f"frames are refused (min_coverage {rig.min_coverage:g})"
    )
    if not rig.min_height_m <= flight.lowest_m <= flight.highest_m <= rig.max_height_m:
        limits = f"min_height_m {rig.min_height_m:g} and max_height_m {rig.max_height_m:g}"
        return Finding(
            "heights", Fit.UNFIT, value, f"change {limits} of camera_node, which refuses other heights"
        )
    smaller = "choose a smaller --view-size, a wider lens, or fly higher"
    if flight.lowest_m < refused_m:
        return Finding("heights", Fit.UNFIT, value, smaller)
    if flight.lowest_m < fitting_m * (1 - 1e-9):
        shown = _worst_coverage(flight.lens, flight.lowest_m, spec)
        return Finding(
            "heights",
            Fit.MARGINAL,
            f"{value}; from {flight.lowest_m:g} m the frame shows {shown:.0%} of the view",
            smaller,
        )
    return Finding("heights", Fit.GOOD, value)


def tilt_finding(flight: Flight, spec: ViewSpec, rig: RigSettings) -> Finding:
    """Return the share of a view that is covered at the flight's tilt, and the largest accepted tilt."""
    lens, height_m = flight.lens, flight.lowest_m

    def is_lost(tilt_deg: float) -> bool:
        return _worst_coverage(lens, height_m, spec, tilt_deg) < rig.min_coverage

    if is_lost(0.0):
        return Finding(
            "tilt",
            Fit.UNFIT,
            "the frame shows too little of the view even without tilt",
            "follow the advice for heights",
        )
    lost = is_lost(rig.max_tilt_deg)
    most_deg = _edge(0.0, rig.max_tilt_deg, is_lost) if lost else rig.max_tilt_deg
    reason = f"min_coverage {rig.min_coverage:g}" if lost else f"max_tilt_deg {rig.max_tilt_deg:g}"
    value = f"tilts up to {most_deg:.0f}° are accepted ({reason})"
    if flight.tilt_deg > most_deg:
        remedy = "tilt less, fly higher, or choose a smaller --view-size"
        return Finding("tilt", Fit.UNFIT, value, remedy if lost else "tilt less, or raise max_tilt_deg")
    shown = _worst_coverage(lens, height_m, spec, flight.tilt_deg)
    if flight.tilt_deg:
        value = f"at {flight.tilt_deg:g}° the frame shows {shown:.0%} of the view; {value}"
    if shown < GOOD_COVERAGE:
        return Finding(
            "tilt", Fit.MARGINAL, value, "choose a smaller --view-size, of which the frame shows more"
        )
    return Finding("tilt", Fit.GOOD, value)


def _worst_coverage(lens: Intrinsics, height_m: float, spec: ViewSpec, tilt_deg: float = 0.0) -> float:
    """Return the smallest coverage (0 to 1) over headings, tilted forward and sideways."""
    towards = _FORWARD_AND_SIDEWAYS_DEG if tilt_deg else (0.0,)
    return min(
        coverage(lens, looking_down(heading_deg, tilt_deg, towards_deg), height_m, spec)
        for heading_deg in _HEADINGS_DEG
        for towards_deg in towards
    )


def _edge(low: float, high: float, is_above: Callable[[float], bool]) -> float:
    """Return the value between `low` and `high` from which a condition holds, by bisection."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_above(middle) else (middle, high)
    return high
