# SPDX-License-Identifier: Apache-2.0
"""What CVUSA and CVACT share: pairs of a ground panorama and a satellite picture, one to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geoloc_training.datasets.published.tree import matched_by_id
from geoloc_training.items import Item, Location, Task, TrainingSplit


@dataclass(frozen=True)
class Pair:
    """A panorama and the satellite picture of its place.

    Attributes:
        id: of the place.
        ground: the panorama's file.
        satellite: the satellite picture's file.
        ground_location: where the camera stood, or None.
        satellite_location: the satellite picture's centre, or None.
    """

    id: str
    ground: Path
    satellite: Path
    ground_location: Location | None = None
    satellite_location: Location | None = None

    @property
    def query(self) -> Item:
        """Return the panorama as an item."""
        return Item(self.id, "ground", self.ground, self.ground_location)

    @property
    def reference(self) -> Item:
        """Return the satellite picture as an item."""
        return Item(self.id, "satellite", self.satellite, self.satellite_location)


def training_of(pairs: Sequence[Pair]) -> TrainingSplit:
    """Return pairs to learn from."""
    return matched_by_id([pair.query for pair in pairs], [pair.reference for pair in pairs])


def task_of(name: str, pairs: Sequence[Pair]) -> Task:
    """Return pairs to test on: panoramas looked up among their own satellite pictures."""
    return Task(
        name=name,
        queries=tuple(pair.query for pair in pairs),
        gallery=tuple(pair.reference for pair in pairs),
        metrics=("recall_pairs",),
    )
