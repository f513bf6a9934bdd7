# SPDX-License-Identifier: Apache-2.0
"""Which way is north in a frame that does not tell: the way in which it looks most like a tile of the map."""

from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_training.arrays import Describe, Views
from geoloc_training.datasets.image_files import read_square

HEADINGS_DEG = tuple(range(0, 360, 15))
_BATCH = 64


class HeadingSearch:
    """Chooses among views of one frame, each turned to another heading.

    Args:
        describe: views uint8 (N, S, S, 3) -> unit descriptors (N, D).
        tiles: folder of the tiles' pictures; they are described when first needed.
        size_px: side S.
    """

    def __init__(self, describe: Describe, tiles: Path, size_px: int) -> None:
        self._describe, self._folder, self._size_px = describe, tiles, size_px

    def __call__(self, views: Views) -> int:
        """Return the number of the view (N, S, S, 3) whose best tile is most like it."""
        return int((self._describe(views) @ self._tiles.T).max(axis=1).argmax())

    @cached_property
    def _tiles(self) -> NDArray[np.float32]:
        paths = sorted(self._folder.glob("*.jpg"))
        parts = [paths[start : start + _BATCH] for start in range(0, len(paths), _BATCH)]
        return np.concatenate(
            [self._describe(np.stack([read_square(path, self._size_px) for path in part])) for part in parts]
        )
