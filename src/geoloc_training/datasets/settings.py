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


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
