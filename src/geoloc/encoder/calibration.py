# SPDX-License-Identifier: Apache-2.0
"""The calibration of a model: thresholds that refuse frames, and corrections of the covariance of a fix."""

from dataclasses import dataclass, field
from typing import Any

from geoloc.errors import ModelError


@dataclass(frozen=True)
class Calibration:
    """Thresholds of refusal, corrections of covariances, and the measurements behind them.

    Attributes:
        min_score: smallest accepted cosine of the best tile.
        min_margin: smallest accepted margin between the best tile and any other place.
        derivation: data and rule from which min_score and min_margin were derived.
        max_sigma_m: largest accepted standard deviation after calibration, metres; 0 for no limit.
        covariance_scale, sigma_floor_m: s and f of the calibrated covariance s Σ + f² I.
        registration_m: standard deviation per axis that is added to a refined position, metres.
        off_map_score: cosine of the best tile at which a view is equally likely on and off the map; -1 if
            unknown.
        measured: results of `geoloc calibrate`: flights, frames, date, rates; empty before a calibration.
    """

    min_score: float
    min_margin: float
    derivation: str
    max_sigma_m: float = 0.0
    covariance_scale: float = 1.0
    sigma_floor_m: float = 0.0
    registration_m: float = 0.0
    off_map_score: float = -1.0
    measured: dict[str, Any] = field(default_factory=dict)

    def is_measured(self, *, refined: bool) -> bool:
        """Return whether the covariances of refined positions, or else those of beliefs, were measured."""
        return bool(self.measured) and (not refined or bool(self.measured.get("registration")))

    def __post_init__(self) -> None:
        limits = (self.covariance_scale, self.sigma_floor_m, self.max_sigma_m, self.registration_m)
        if not (all(0.0 <= value < float("inf") for value in limits) and self.covariance_scale > 0.0):
            raise ModelError(
                f"the calibration has covariance_scale {limits[0]}, sigma_floor_m {limits[1]}, "
                f"max_sigma_m {limits[2]}, registration_m {limits[3]}, but all must be finite, the scale "
                "above 0, the others 0 or more; run `geoloc calibrate`."
            )
        if not -1.0 <= self.off_map_score <= 1.0:
            raise ModelError(
                f"the calibration's off_map_score is {self.off_map_score}, outside -1 to 1; "
                "run `geoloc calibrate`."
            )
