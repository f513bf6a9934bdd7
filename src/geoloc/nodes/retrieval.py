# SPDX-License-Identifier: Apache-2.0
"""What `retrieval_node` says of its map, and how its parameters become the localizer's settings."""

import math
from typing import TYPE_CHECKING

from geoloc.filter import FilterSettings
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.nodes.settings import RetrievalParameters

if TYPE_CHECKING:
    from geoloc.encoder.card import ModelCard
    from geoloc.mapping.directory import MapDirectory


def localizer_settings(parameters: RetrievalParameters, card: "ModelCard") -> LocalizerSettings:
    """Return the settings that the parameters and the model's card ask for."""
    motion = FilterSettings(
        max_speed_mps=parameters.max_speed_mps,
        odom_error=parameters.odom_error,
        odom_heading_known=parameters.odom_heading_known,
        confidence=parameters.confidence,
        lost_sigma_m=parameters.lost_sigma_m,
        memory_s=parameters.memory_s,
        full_search_every=parameters.full_search_every,
    )
    return LocalizerSettings(
        k=parameters.k,
        filter=parameters.filter,
        min_score=parameters.min_score,
        min_margin=parameters.min_margin,
        temperature=parameters.temperature,
        max_sigma_m=parameters.max_sigma_m,
        motion=motion,
        evidence=card.evidence,
        hypotheses=Hypotheses(parameters.heading_error_deg, parameters.height_error),
        calibration=card.calibration,
    )


def facts(map_directory: "MapDirectory", parameters: RetrievalParameters) -> dict[str, object]:
    """Return what a pilot should know of the map, for `/diagnostics`."""
    left, bottom, right, top = map_directory.manifest.bounds_m
    return {
        "map": parameters.map,
        "tiles": len(map_directory.tiles),
        "area_km2": f"{(right - left) * (top - bottom) / 1e6:.2f}",
        "view_size_m": f"{map_directory.view_size_m:g}",
        "pitch_m": f"{map_directory.pitch_m:g}",
        "model": map_directory.model_id,
        "model_and_map_agree": True,
    }


def believed(localizer: Localizer) -> dict[str, object]:
    """Return what is believed of the heading and the height, for `/diagnostics`, where it was asked for."""
    told: dict[str, object] = {}
    if localizer.settings.hypotheses.heading_error_deg:
        turn_deg = localizer.heading_offset_deg
        told["heading_offset_deg"] = "unknown" if math.isnan(turn_deg) else f"{turn_deg:.0f}"
    if localizer.settings.hypotheses.height_error:
        told["height_scale"] = f"{localizer.height_scale:.2f}"
    return told
