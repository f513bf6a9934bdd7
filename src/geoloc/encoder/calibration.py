# SPDX-License-Identifier: Apache-2.0
"""The calibration of a model: when to refuse a frame, and how the covariance of an answer is corrected."""

from dataclasses import dataclass, field
from typing import Any

from geoloc.errors import ModelError


@dataclass(frozen=True)
class Calibration:
    """Thresholds of refusal, the correction of covariances, and the measurements behind them.

    Attributes:
        min_score: cosine under which the best tile should be refused.
        min_margin: least lead over any other place.
        derivation: the data and the rule that min_score and min_margin were derived by.
        max_sigma_m: largest calibrated deviation to answer with; 0 for no limit.
        covariance_scale, sigma_floor_m: s and f of the calibrated covariance s Σ + f² I.
        registration_m: deviation per axis that is added to a refined position.
        off_map_score: cosine of the best tile at which a view is as likely off the map; -1 where unknown.
        measured: facts of `geoloc calibrate`: flights, frames, date, rates reached; empty before it.
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
        """Return whether covariances were measured: of beliefs, or of refined positions."""
        return bool(self.measured) and (not refined or bool(self.measured.get("registration")))

    def __post_init__(self) -> None:
        limits = (self.covariance_scale, self.sigma_floor_m, self.max_sigma_m, self.registration_m)
        if not (all(0.0 <= value < float("inf") for value in limits) and self.covariance_scale > 0.0):
            raise ModelError(
                f"a calibration has scale {limits[0]}, floor {limits[1]} m, max_sigma_m {limits[2]}, "
                f"registration_m {limits[3]}; all must be finite, the scale above 0, the others 0 or more: "
                "run `geoloc calibrate`."
            )
        if not -1.0 <= self.off_map_score <= 1.0:
            raise ModelError(
                f"a calibration's off_map_score is {self.off_map_score}; a cosine lies between -1 and 1: "
                "run `geoloc calibrate`."
            )
