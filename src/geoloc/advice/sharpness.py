# SPDX-License-Identifier: Apache-2.0
"""Findings about sharpness: pixels of camera, encoder and map, motion blur and rolling shutter."""

from geoloc.advice.case import Finding, Fit, Flight, MapFacts
from geoloc.advice.ground import sharp_height_m
from geoloc.camera.footprint import fitting_height_m, ground_pixel_m
from geoloc.camera.views import ViewSpec
from geoloc.encoder.card import ModelCard
from geoloc.mapping.grid import COARSEST_IMAGERY

GOOD_SHIFT_PX = 4.0
"""Largest good shift, in pixels of the view. The median error of single frames over the procedural world's
other date is 0.63 m without blur and 0.72 m with 4 pixels; see tools/studies/view_quality_study.py."""

MOST_SHIFT_PX = 8.0
"""Largest usable shift, in pixels of the view. With 8 pixels of blur the right tile is the best one for 95 %
of frames instead of 97 %, and the median error is 1.1 m; with 12 pixels it is 92 % and 1.8 m."""


def camera_pixel_finding(flight: Flight, spec: ViewSpec) -> Finding:
    """Compare the resolution of the camera on the ground with the resolution of the view."""
    coarsest_m = ground_pixel_m(flight.lens, flight.highest_m)
    value = (
        f"{coarsest_m:.3g} m per pixel from {flight.highest_m:g} m; the view has {spec.gsd_m:.3g} m per pixel"
    )
    fit = _ratio_fit(coarsest_m / spec.gsd_m)
    if fit is Fit.GOOD:
        return Finding("camera pixel", fit, value)
    sharp_m = sharp_height_m(flight.lens, spec)
    change = f"fly at {sharp_m:.0f} m or lower, use a camera with more pixels, or choose a larger --view-size"
    return Finding("camera pixel", fit, value, change)


def encoder_pixel_finding(flight: Flight, spec: ViewSpec, card: ModelCard) -> Finding:
    """Compare the resolution of the view with the range that the model was trained for."""
    finest_m, coarsest_m = card.gsd_range_m
    value = (
        f"{spec.gsd_m:.3g} m per pixel ({spec.size_m:g} m / {spec.size_px} pixels); {card.id} was trained "
        f"for {finest_m:g} to {coarsest_m:g} m"
    )
    beyond = max(finest_m / spec.gsd_m, spec.gsd_m / coarsest_m)
    if beyond <= 1.0 + 1e-3:
        return Finding("encoder pixel", Fit.GOOD, value)
    fit = Fit.MARGINAL if beyond <= 1.0 + card.tolerances.height_tolerance else Fit.UNFIT
    if spec.gsd_m > coarsest_m:
        return Finding(
            "encoder pixel", fit, value, f"choose --view-size {coarsest_m * spec.size_px:g} or less"
        )
    least_m = finest_m * spec.size_px
    height_m = fitting_height_m(flight.lens, least_m)
    change = f"fly at {height_m:.0f} m or higher, where a {least_m:g} m view fits, or use a wider lens"
    return Finding("encoder pixel", fit, value, change)


def map_pixel_finding(spec: ViewSpec, ground: MapFacts | None) -> Finding:
    """Compare the resolution of the map's imagery with the resolution of the view."""
    limit = f"{COARSEST_IMAGERY * spec.gsd_m:.3g} m"
    if ground is None:
        return Finding(
            "map pixel",
            Fit.NONE,
            f"imagery needs {spec.gsd_m:.3g} m per pixel or finer; above {limit} tiles look blurred",
        )
    value = (
        f"{ground.gsd_m:.3g} m per pixel; the view has {spec.gsd_m:.3g} m; above {limit} tiles look blurred"
    )
    fit = _ratio_fit(ground.gsd_m / spec.gsd_m)
    change = "use finer imagery, or fly higher with a larger --view-size"
    return Finding("map pixel", fit, value, "" if fit is Fit.GOOD else change)


def blur_finding(flight: Flight, spec: ViewSpec) -> Finding:
    """Return how far the camera moves during an exposure, in pixels of the frame and of the view."""
    fit, value = _shift(flight, spec, flight.exposure_s, "an exposure")
    longest_s = GOOD_SHIFT_PX * spec.gsd_m / flight.speed_mps
    change = "" if fit is Fit.GOOD else f"expose for {longest_s * 1e3:.2g} ms or less, or fly slower"
    return Finding("motion blur", fit, value, change)


def skew_finding(flight: Flight, spec: ViewSpec) -> Finding:
    """Return how far the camera moves while a rolling shutter reads a frame.

    A fix errs by up to half of it, because the stamp is the time of one row, and the view contains many rows.
    """
    fit, value = _shift(flight, spec, flight.readout_s, "the readout")
    moved_m = flight.speed_mps * flight.readout_s
    change = "" if fit is Fit.GOOD else "use a global shutter, or stamp the middle row and fly slower"
    return Finding("rolling shutter", fit, f"{value}; shifts a fix by up to {moved_m / 2:.2g} m", change)


def _shift(flight: Flight, spec: ViewSpec, seconds: float, during: str) -> tuple[Fit, str]:
    moved_m = flight.speed_mps * seconds
    in_camera = moved_m / ground_pixel_m(flight.lens, flight.lowest_m)
    in_view = moved_m / spec.gsd_m
    fit = Fit.UNFIT
    if in_view <= MOST_SHIFT_PX:
        fit = Fit.GOOD if in_view <= GOOD_SHIFT_PX else Fit.MARGINAL
    pixels = f"{in_camera:.1f} pixels of the camera, {in_view:.1f} of the view"
    return fit, f"{moved_m:.2g} m during {during}: {pixels}"


def _ratio_fit(ratio: float) -> Fit:
    if ratio <= 1.0 + 1e-3:
        return Fit.GOOD
    return Fit.MARGINAL if ratio <= COARSEST_IMAGERY else Fit.UNFIT
