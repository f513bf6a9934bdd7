# SPDX-License-Identifier: Apache-2.0
"""What `retrieval_node` looks up by and says of its map: the localizer of its parameters, views, facts."""

import math
from typing import TYPE_CHECKING

from sensor_msgs.msg import Image

from geoloc.camera import messages
from geoloc.errors import FrameRefused
from geoloc.filter import FilterSettings
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.nodes import messages_in
from geoloc.nodes.settings import RetrievalParameters
from geoloc.nodes.stamped_cache import StampedCache

if TYPE_CHECKING:
    from geoloc.encoder.card import ModelCard
    from geoloc.mapping.directory import MapDirectory
    from geoloc.raster.colours import Rgb

_VIEWS = 16  # a view comes before its descriptor; only those of dropped frames are left behind


class Views:
    """Views on their way to refinement, by stamp; one thread puts, another takes."""

    def __init__(self) -> None:
        self._messages: StampedCache[Image] = StampedCache(_VIEWS)

    def put(self, message: Image) -> None:
        """Keep a `view/image` message."""
        self._messages.put(messages.stamp_ns(message), message)

    def take(self, stamp_ns: int) -> "Rgb | None":
        """Return the views (n, S, S, 3) of a stamp, without waiting; None where no usable ones came."""
        message = self._messages.take(stamp_ns, 0.0)
        try:
            return None if message is None else messages_in.stacked_views(message, max(message.width, 1))
        except FrameRefused:
            return None


def localizer(parameters: RetrievalParameters, map_directory: "MapDirectory", card: "ModelCard") -> Localizer:
    """Return the localizer that the parameters ask for.

    Raises:
        ModelError: what `refine` asks for is not installed.
        ParameterError: for settings that cannot be used.
    """
    return Localizer(map_directory, None, localizer_settings(parameters, card))


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
        refine=parameters.refine,
        refine_weights=parameters.refine_weights,
        attitude_error_deg=parameters.attitude_error_deg,
        motion=motion,
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
