# SPDX-License-Identifier: Apache-2.0
"""How well heading, height and attitude must be known."""

import math
from dataclasses import replace

from geoloc import integrity
from geoloc.advice.case import Finding, Fit, Flight, MapFacts
from geoloc.encoder.card import ModelCard
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import LocalizerSettings
from geoloc.settings import settings_of


def heading_finding(card: ModelCard) -> Finding:
    """Return the heading error that needs no parameter, and the views that no compass costs."""
    tolerated_deg = card.tolerances.heading_tolerance_deg
    without = replace(_tried(card), heading_error_deg=180.0).count
    return Finding(
        "heading",
        Fit.NONE,
        f"good to {tolerated_deg:g}°; else heading_error_deg, with 180 (no compass) {without} views a frame",
    )


def height_finding(flight: Flight, card: ModelCard, ground: MapFacts | None) -> Finding:
    """Return the height error that needs no parameter, and what flying without an altimeter takes."""
    value = f"known to {card.tolerances.height_tolerance:.0%}; else height_error"
    scales = [scale for scale in ground.scales if scale != 1.0] if ground else []
    if scales:
        value += f", or the map's larger tiles ({', '.join(f'{scale:g}' for scale in scales)} times)"
    # A height between both ends of a range, by ratio; `Hypotheses` reaches from it by 1 / (1 - error).
    error = math.ceil(100 * (1.0 - math.sqrt(flight.lowest_m / flight.highest_m))) / 100
    most = float(settings_of(Hypotheses)["height_error"].high or 0.0)
    if not error:
        return Finding("height", Fit.NONE, value)
    middle_m = math.sqrt(flight.lowest_m * flight.highest_m)
    if error > most:
        return Finding("height", Fit.NONE, f"{value}; this range cannot be flown without an altimeter")
    count = replace(_tried(card), height_error=error).count
    blind = f"without an altimeter tell {middle_m:.0f} m and height_error {error:g}, {count} views a frame"
    return Finding("height", Fit.NONE, f"{value}; {blind}")


def attitude_finding(flight: Flight) -> Finding:
    """Return what an error of roll and pitch moves an answer by."""
    error_deg = LocalizerSettings.attitude_error_deg
    moved_m = integrity.attitude_m(flight.highest_m, error_deg)
    return Finding(
        "attitude",
        Fit.NONE,
        f"{error_deg:g}° of roll or pitch (attitude_error_deg) move an answer by {moved_m:.2g} m from "
        f"{flight.highest_m:g} m",
    )


def _tried(card: ModelCard) -> Hypotheses:
    return Hypotheses(tolerances=card.tolerances)
