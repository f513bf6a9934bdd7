# SPDX-License-Identifier: Apache-2.0
"""What may be tuned in refinement; the defaults are meant to fly."""

from dataclasses import dataclass
from pathlib import Path

from geoloc.errors import ParameterError

AUTO = "ncc"  # what `auto` is: the one whose gain is worth its milliseconds, see the README
METHODS = ("auto", "ncc", "features", "sift", "lightglue", "off")


@dataclass(frozen=True)
class RefinerSettings:
    """How to refine.

    Attributes:
        method: one of `METHODS`; auto is `AUTO`.
        places: how many places are tried, best candidate first, until one is confirmed.
        max_heading_error_deg: largest error of the heading that is searched for.
        max_scale_error: largest relative error of the view's width, and so of the height above ground.
        min_overlap: least part of a view that must lie on imagery of the map.
        weights: folder of the learned matcher's weights; for lightglue alone.

    Raises:
        ParameterError: for a value outside its range.
    """

    method: str = "auto"
    places: int = 3
    max_heading_error_deg: float = 10.0
    max_scale_error: float = 0.12
    min_overlap: float = 0.5
    weights: Path | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ParameterError(f"method '{self.method}' is unknown; use one of {', '.join(METHODS)}")
        if not 1 <= self.places <= 100:
            raise ParameterError(f"places is {self.places}; try 1 to 100 of them")
        if not 0.0 <= self.max_heading_error_deg <= 30.0:
            raise ParameterError(
                f"max_heading_error_deg is {self.max_heading_error_deg}; 0 to 30 degrees can be searched"
            )
        if not 0.0 <= self.max_scale_error <= 0.3:
            raise ParameterError(f"max_scale_error is {self.max_scale_error}; 0 to 0.3 can be searched")
        if not 0.1 <= self.min_overlap <= 1.0:
            raise ParameterError(f"min_overlap is {self.min_overlap}; it must lie between 0.1 and 1")
