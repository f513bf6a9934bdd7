# SPDX-License-Identifier: Apache-2.0
"""Batches of a region: DMNIL's batches, with shared labels from the estimated flight path.

DMNIL labels map images by the drone clusters that resemble them (`methods.dmnil.enhancement`). A region
provides more: the order of the frames and the positions of the tiles, most of which no frame shows. So each
tile keeps its own label, and a frame gets the label of its tile on the most probable path (`path`), or no
label if the tile is uncertain. RECONSTRUCTED: the paper does not contain this.
"""

import logging

import numpy as np

from geoloc.arrays import Float32Array, Int64Array
from geoloc_training.contract import DescribeItems
from geoloc_training.datasets.region import Region
from geoloc_training.label_free.path import places_along
from geoloc_training.label_free.sequence_context import SequenceContext
from geoloc_training.methods.dmnil.labels import EpochLabels
from geoloc_training.methods.dmnil.source import ClusterBatches

NEAR_VIEWS = 1.0  # largest distance of two successive frames, in sides of a view
_LEAST_PLACES = 2
_BESIDE_STREAM = 6  # separates these random numbers from other uses of the same seed
_LOG = logging.getLogger(__name__)


def sequence_context(region: Region) -> SequenceContext:
    """Return the order of a region's frames and the positions of its tiles."""
    near_m = NEAR_VIEWS * float(np.median([tile.size_m for tile in region.tiles]))
    return SequenceContext(region.successive(), region.positions_m(), near_m)


class RegionBatches(ClusterBatches):
    """`ClusterBatches` with shared labels from the path; a batch contains the tiles of its frames.

    Args:
        context: order of the queries and positions of the references.
        arguments, named: arguments of `ClusterBatches`.
    """

    def __init__(self, context: SequenceContext, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.context = context

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Plan as DMNIL does; with labels from the path, a batch includes the references of its queries."""
        super().start_epoch(epoch, describe)
        if self.labels is not None and self.labels.shared and self.follows_path:
            rng = np.random.default_rng([self.seed, _BESIDE_STREAM, epoch])
            self._plan["reference"] = _beside(
                self.labels.query[self._plan["query"]], len(self.references), rng
            )

    @property
    def follows_path(self) -> bool:
        """Return True if shared labels come from the path."""
        return self.config.enhancement.by == "path"

    def clusters(self, queries: Float32Array, references: Float32Array) -> Int64Array:
        """Return the tile of each query on the path (N,), -1 if uncertain, or clusters without a path."""
        if not self.follows_path:
            return super().clusters(queries, references)
        return places_along(queries, references, self.context)

    def _label(self, queries: Float32Array, references: Float32Array, epoch: int) -> EpochLabels:
        if not self.follows_path or epoch < self.config.enhancement.epoch:
            return super()._label(queries, references, epoch)
        places = places_along(queries, references, self.context)
        if len(np.unique(places[places >= 0])) < _LEAST_PLACES:
            _LOG.warning("epoch %d: no path was found; labels of the two views stay separate", epoch)
            return super()._label(queries, references, -1)
        own = np.arange(len(references))
        return EpochLabels(places, own, own, shared=True)


def _beside(places: Int64Array, references: int, rng: np.random.Generator) -> Int64Array:
    """Return references for batches (steps, N): each place of a batch's queries once, then others in turn."""
    rows = np.empty_like(places)
    turns = np.concatenate([rng.permutation(references) for _ in range(-(-places.size // references))])
    for row, some, others in zip(rows, places, turns[: places.size].reshape(places.shape), strict=True):
        known = np.unique(some)
        row[:] = np.concatenate([known, others[: len(row) - len(known)]])
    return rows
