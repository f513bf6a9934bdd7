# SPDX-License-Identifier: Apache-2.0
"""Findings about sensors: how accurate heading, height and attitude must be."""

import math
from dataclasses import replace

from geoloc import integrity
from geoloc.advice.case import Finding, Fit, Flight, MapFacts
from geoloc.encoder.card import ModelCard
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import LocalizerSettings
from geoloc.settings import settings_of


def heading_finding(card: ModelCard) -> Finding:
    """Return the tolerated heading error, and the number of views per frame without a compass."""
    tolerated_deg = card.tolerances.heading_tolerance_deg
    without = replace(_tried(card), heading_error_deg=180.0).count
    return Finding(
        "heading",
        Fit.NONE,
        f"tolerates heading errors up to {tolerated_deg:g}°; set heading_error_deg for larger errors "
        f"(180 without a compass: {without} views per frame)",
    )


def height_finding(flight: Flight, card: ModelCard, ground: MapFacts | None) -> Finding:
    """Return the tolerated height error, and the settings for flying without an altimeter."""
    tolerated = f"{card.tolerances.height_tolerance:.0%}"
    value = f"tolerates height errors up to {tolerated}; set height_error for larger errors"
    scales = [scale for scale in ground.scales if scale != 1.0] if ground else []
    if scales:
        value += (
            f", or use the map's tiles of {', '.join(f'{scale:g}' for scale in scales)} times the view size"
        )
    # The geometric mean of the range; `Hypotheses` reaches from there to 1 / (1 - error) times the height.
    error = math.ceil(100 * (1.0 - math.sqrt(flight.lowest_m / flight.highest_m))) / 100
    most = float(settings_of(Hypotheses)["height_error"].high or 0.0)
    if not error:
        return Finding("height", Fit.NONE, value)
    middle_m = math.sqrt(flight.lowest_m * flight.highest_m)
    if error > most:
        return Finding("height", Fit.NONE, f"{value}; this range of heights needs an altimeter")
    count = replace(_tried(card), height_error=error).count
    blind = (
        f"without an altimeter, publish {middle_m:.0f} m as altitude and set height_error {error:g}, "
        f"{count} views per frame"
    )
    return Finding("height", Fit.NONE, f"{value}; {blind}")


def attitude_finding(flight: Flight) -> Finding:
    """Return how far an error in roll or pitch shifts a fix."""
    error_deg = LocalizerSettings.attitude_error_deg
    moved_m = integrity.attitude_m(flight.highest_m, error_deg)
    return Finding(
        "attitude",
        Fit.NONE,
        f"an error of {error_deg:g}° in roll or pitch (attitude_error_deg) shifts a fix by {moved_m:.2g} m "
        f"from {flight.highest_m:g} m",
    )


def _tried(card: ModelCard) -> Hypotheses:
    return Hypotheses(tolerances=card.tolerances)
