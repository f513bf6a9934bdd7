# SPDX-License-Identifier: Apache-2.0
"""A view among the tiles: its likeness to those that are asked for, computed once and only then."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geoloc.index import Index

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]


class LookUp:
    """One view's descriptor against a map's.

    Args:
        query: (D,) float32, of unit length.
        descriptors: (N, D) float32, of unit length; may be memory-mapped.
        offset_m: east, north from the view's centre on the ground to the camera.
        index: called for an index over the descriptors, where `nearest` is wanted.
    """

    def __init__(
        self,
        query: NDArray[np.float32],
        descriptors: NDArray[np.float32],
        offset_m: tuple[float, float] = (0.0, 0.0),
        index: Callable[[], Index] | None = None,
    ) -> None:
        self.query = query
        self.offset_m = np.array(offset_m, dtype=np.float64)
        self._descriptors = descriptors
        self._index = index
        self._all: Scores | None = None
        self._seen: list[tuple[Ids, Scores]] = []

    def everywhere(self) -> Scores:
        """Return the cosines (N,) to all tiles."""
        if self._all is None:
            self._all = np.asarray(self._descriptors @ self.query, dtype=np.float32)
            self._seen = [(np.arange(len(self._all)), self._all)]
        return self._all

    def of(self, ids: Ids) -> Scores:
        """Return the cosines to some tiles, in their order."""
        if self._all is not None:
            return np.asarray(self._all[ids])
        scores = np.asarray(self._descriptors[ids] @ self.query, dtype=np.float32)
        self._seen.append((ids, scores))
        return scores

    def nearest(self, count: int) -> tuple[Ids, NDArray[np.float64]]:
        """Return the ids and cosines of the most like tiles, best first, by the map's index."""
        if self._index is None:
            return self.best(count)
        scores, ids = self._index().search(self.query[None], count)
        found = ids[0] >= 0  # an approximate index pads with -1
        self._seen.append((ids[0][found].astype(np.int64), scores[0][found]))
        return self.best(count)

    def best(self, count: int) -> tuple[Ids, NDArray[np.float64]]:
        """Return the ids and cosines of the most like of the tiles that were looked at, best first."""
        if not self._seen:
            return np.empty(0, dtype=np.int64), np.empty(0)
        ids, places = np.unique(np.concatenate([ids for ids, _ in self._seen]), return_index=True)
        scores = np.concatenate([scores for _, scores in self._seen])[places]
        if len(ids) > count:
            chosen = np.argpartition(-scores, count - 1)[:count]
            ids, scores = ids[chosen], scores[chosen]
        order = np.lexsort((ids, -scores))[:count]
        return np.asarray(ids[order]), scores[order].astype(np.float64)

    def likeness(self, other: "LookUp") -> float:
        """Return the cosine between two views."""
        return float(self.query @ other.query)
