# SPDX-License-Identifier: Apache-2.0
"""Search for the heading of a frame without attitude, by its similarity with the map's tiles."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_training.arrays import Describe, Views
from geoloc_training.datasets.image_files import read_square

HEADINGS_DEG = tuple(range(0, 360, 15))
_BATCH = 64


class HeadingSearch:
    """Chooses the heading of a frame among views that are rotated to different headings.

    Args:
        describe: views uint8 (N, S, S, 3) -> unit descriptors (N, D).
        tiles: folder with the images of the tiles, which are described when first needed.
        size_px: side S of a view in pixels.
    """

    def __init__(self, describe: Describe, tiles: Path, size_px: int) -> None:
        self._describe, self._folder, self._size_px = describe, tiles, size_px

    def __call__(self, views: Views) -> int:
        """Return the index of the view (N, S, S, 3) that is most similar to any tile."""
        return int((self._describe(views) @ self._tiles.T).max(axis=1).argmax())

    @cached_property
    def _tiles(self) -> NDArray[np.float32]:
        paths = sorted(self._folder.glob("*.jpg"))
        parts = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
        return np.concatenate(
            [self._describe(np.stack([read_square(path, self._size_px) for path in part])) for part in parts]
        )
