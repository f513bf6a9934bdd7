# SPDX-License-Identifier: Apache-2.0
"""Settings of the imagery that `map` draws from."""

from dataclasses import dataclass

from geoloc.errors import ParameterError


@dataclass(frozen=True)
class SourceConfig:
    """One kind of imagery in the batch.

    Attributes:
        kind: naip, massachusetts, estonia or world.
        share: weight of this source in a batch, relative to the others.
        view_size_m: smallest and largest view drawn from it.
        cities: which cities of a multi-date set are trained on.
        seeds: which procedural worlds.
        world_size_m: side of each procedural world.
        world_dates: dates each of them is seen at.
        spots_per_ground: most views of one picture in one batch.
        one_group_share: how often all of a source's pairs of a batch come from one group (hard negatives).
    """

    kind: str
    share: float
    view_size_m: tuple[float, float]
    cities: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    world_size_m: float = 1024.0
    world_dates: int = 3
    spots_per_ground: int = 16
    one_group_share: float = 0.5

    def __post_init__(self) -> None:
        low, high = self.view_size_m
        _require(
            0 < low <= high, f"view_size_m of '{self.kind}' is {low}..{high}; give a positive, rising range."
        )
        _require(self.share >= 0, f"share of '{self.kind}' is {self.share}; it must not be negative.")


@dataclass(frozen=True)
class AugmentConfig:
    """How far a drone view may differ from the map view, at full strength.

    Attributes:
        offset: largest offset per axis of most samples, as a fraction of the view.
        wide_offset: largest offset of the others; a map with half-overlapping tiles needs 0.25.
        wide_offset_share: how many of those there are.
        yaw_deg: largest heading error of most samples.
        wide_yaw_deg: largest heading error of the others.
        wide_yaw_share: how many of those there are.
        scale: largest relative change of scale.
        perspective: standard deviation of the two tilt terms.
        border_share: how often part of the view lies outside the camera's frame.
        ramp_steps: steps until full strength, beginning at 0.3.
    """

    offset: float = 0.15
    wide_offset: float = 0.27
    wide_offset_share: float = 0.3
    yaw_deg: float = 13.0
    wide_yaw_deg: float = 30.0
    wide_yaw_share: float = 0.15
    scale: float = 0.14
    perspective: float = 0.03
    border_share: float = 0.3
    ramp_steps: int = 300


@dataclass(frozen=True)
class ImageAugmentConfig:
    """How pictures of published sets are varied."""


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
