# SPDX-License-Identifier: Apache-2.0
"""One-to-one pairs of a ground panorama and a satellite image, as in CVUSA and CVACT."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from geoloc_training.datasets.published.tree import matched_by_id
from geoloc_training.items import Item, Location, Task, TrainingSplit


@dataclass(frozen=True)
class Pair:
    """A panorama and the satellite image of its place.

    Attributes:
        id: id of the place.
        ground: file of the panorama.
        satellite: file of the satellite image.
        ground_location: position of the camera, or None if unknown.
        satellite_location: centre of the satellite image, or None if unknown.
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
        """Return the satellite image as an item."""
        return Item(self.id, "satellite", self.satellite, self.satellite_location)


def training_of(pairs: Sequence[Pair]) -> TrainingSplit:
    """Return a training split of pairs."""
    return matched_by_id([pair.query for pair in pairs], [pair.reference for pair in pairs])


def task_of(name: str, pairs: Sequence[Pair]) -> Task:
    """Return a test of pairs: the panoramas are queries, their satellite images the gallery."""
    return Task(
        name=name,
        queries=tuple(pair.query for pair in pairs),
        gallery=tuple(pair.reference for pair in pairs),
        metrics=("recall_pairs",),
    )
