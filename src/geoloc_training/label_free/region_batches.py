# SPDX-License-Identifier: Apache-2.0
"""Batches of a region: DMNIL's, and shared labels by the path that the frames were taken along.

DMNIL lets pictures of the map hear which drone clusters look like them (`methods.dmnil.enhancement`). Of a
region more is known: the order of the frames, where the tiles lie, and that most tiles were never flown over.
So the map's pictures keep labels of their own, and a frame has the label of the tile that the most likely
path puts it in (`path`), or none where that is not certain. RECONSTRUCTED: nothing of this is in the paper.
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

NEAR_VIEWS = 1.0  # how far apart two frames in a row may lie, in views
_LEAST_PLACES = 2
_BESIDE_STREAM = 6  # keeps these random numbers apart from those of other uses of the same seed
_LOG = logging.getLogger(__name__)


def sequence_context(region: Region) -> SequenceContext:
    """Return the order of a region's frames, and where its tiles lie."""
    near_m = NEAR_VIEWS * float(np.median([tile.size_m for tile in region.tiles]))
    return SequenceContext(region.successive(), region.positions_m(), near_m)


class RegionBatches(ClusterBatches):
    """`ClusterBatches` whose shared labels follow the path, with the tiles of a batch's frames beside them.

    Args:
        context: order of the queries and places of the references.
        arguments, named: as of `ClusterBatches`.
    """

    def __init__(self, context: SequenceContext, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self.context = context

    def start_epoch(self, epoch: int, describe: DescribeItems | None) -> None:
        """Plan as DMNIL does; by the path, a batch's references begin with those of its queries."""
        super().start_epoch(epoch, describe)
        if self.labels is not None and self.labels.shared and self.follows_path:
            rng = np.random.default_rng([self.seed, _BESIDE_STREAM, epoch])
            self._plan["reference"] = _beside(
                self.labels.query[self._plan["query"]], len(self.references), rng
            )

    @property
    def follows_path(self) -> bool:
        """Return True where shared labels are those of the path."""
        return self.config.enhancement.by == "path"

    def clusters(self, queries: Float32Array, references: Float32Array) -> Int64Array:
        """Return where labels follow the path, the place of each query on it (N,), -1 for those in doubt."""
        if not self.follows_path:
            return super().clusters(queries, references)
        return places_along(queries, references, self.context)

    def _label(self, queries: Float32Array, references: Float32Array, epoch: int) -> EpochLabels:
        if not self.follows_path or epoch < self.config.enhancement.epoch:
            return super()._label(queries, references, epoch)
        places = places_along(queries, references, self.context)
        if len(np.unique(places[places >= 0])) < _LEAST_PLACES:
            _LOG.warning("epoch %d: no path can be made out; labels stay apart", epoch)
            return super()._label(queries, references, -1)
        own = np.arange(len(references))
        return EpochLabels(places, own, own, shared=True)


def _beside(places: Int64Array, references: int, rng: np.random.Generator) -> Int64Array:
    """Return references for batches of queries at places (steps, N): each place once, the rest in turns."""
    rows = np.empty_like(places)
    turns = np.concatenate([rng.permutation(references) for _ in range(-(-places.size // references))])
    for row, some, others in zip(rows, places, turns[: places.size].reshape(places.shape), strict=True):
        known = np.unique(some)
        row[:] = np.concatenate([known, others[: len(row) - len(known)]])
    return rows
