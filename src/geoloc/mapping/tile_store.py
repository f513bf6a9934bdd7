# SPDX-License-Identifier: Apache-2.0
"""Compute the descriptors of tiles batch by batch, and store each batch, so that a build can be resumed.

Two files grow: `valid.part`, the share of valid pixels of each tile that was read (float32), and
`descriptors.part`, the descriptors of the tiles that are kept (float32 rows). The length of the first file is
the progress of the build.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import BoolArray, Float32Array
from geoloc.camera.views import fill_invalid
from geoloc.errors import MapError, ModelError
from geoloc.mapping.manifest import DESCRIPTORS, TILES
from geoloc.mapping.recipe import DESCRIPTORS_PART, VALID_PART
from geoloc.progress import progress_bar
from geoloc.raster.colours import Rgb
from geoloc.raster.views import Raster

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_COPY_ROWS = 16_384
_UNIT_TOLERANCE = 1e-3

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True)
class TileStore:
    """The growing files of a build.

    Attributes:
        folder: folder of the map.
        descriptor_size: number of values of a descriptor.
        min_valid: smallest share of valid pixels of a tile that is kept.
    """

    folder: Path
    descriptor_size: int
    min_valid: float

    def resume(self) -> int:
        """Discard an unfinished batch, and return the number of tiles that were read."""
        shares = self._shares()
        wanted = int(self.kept(shares).sum()) * self._row_bytes
        path = self.folder / DESCRIPTORS_PART
        if not path.exists() or path.stat().st_size < wanted:
            # Data was lost, perhaps in a power cut, so the rest is not trusted either.
            shares, wanted = shares[:0], 0
            path.write_bytes(b"")
        os.truncate(path, wanted)
        valid = self.folder / VALID_PART
        valid.touch()
        os.truncate(valid, shares.nbytes)
        return len(shares)

    def kept(self, shares: Float32Array) -> BoolArray:
        """Return a mask (N,) of the tiles that are kept, given their shares of valid pixels (N,)."""
        return shares >= self.min_valid

    def append(self, shares: Float32Array, descriptors: Float32Array) -> None:
        """Add the shares of all tiles of a batch, and the descriptors of the tiles that are kept."""
        with (self.folder / DESCRIPTORS_PART).open("ab") as file:
            file.write(np.ascontiguousarray(descriptors, dtype="<f4").tobytes())
        # The shares are written last, because their number is the progress.
        with (self.folder / VALID_PART).open("ab") as file:
            file.write(np.ascontiguousarray(shares, dtype="<f4").tobytes())

    def publish(self, grid: NDArray[np.void]) -> int:
        """Write `tiles.npy` and `descriptors.npy` of a complete grid, and return the number of tiles.

        Raises:
            MapError: if no tile is kept.
        """
        shares = self._shares()
        keep = self.kept(shares)
        tiles = grid[keep]
        tiles["valid_fraction"] = shares[keep]
        if len(tiles) == 0:
            raise MapError(
                f"all {len(grid)} tiles have less than {self.min_valid:.0%} valid pixels; "
                "choose a smaller --view-size or --min-valid."
            )
        part = self.folder / f"{TILES}.part"
        with part.open("wb") as file:
            np.save(file, tiles, allow_pickle=False)
        part.replace(self.folder / TILES)
        self._publish_descriptors(len(tiles))
        return len(tiles)

    @property
    def _row_bytes(self) -> int:
        return 4 * self.descriptor_size

    def _shares(self) -> Float32Array:
        path = self.folder / VALID_PART
        data = path.read_bytes() if path.exists() else b""
        return np.frombuffer(data[: len(data) // 4 * 4], dtype="<f4").astype(np.float32)

    def _publish_descriptors(self, rows: int) -> None:
        part = self.folder / f"{DESCRIPTORS}.part"
        shape = (rows, self.descriptor_size)
        source = np.memmap(self.folder / DESCRIPTORS_PART, dtype="<f4", mode="r", shape=shape)
        target = np.lib.format.open_memmap(part, mode="w+", dtype="<f4", shape=shape)
        for start in range(0, rows, _COPY_ROWS):
            target[start : start + _COPY_ROWS] = source[start : start + _COPY_ROWS]
        target.flush()
        part.replace(self.folder / DESCRIPTORS)


def describe_tiles(
    raster: Raster,
    encoder: "Encoder",
    grid: NDArray[np.void],
    store: TileStore,
    *,
    batch_size: int = 32,
    progress: bool = False,
) -> None:
    """Compute and store the descriptors of the tiles of a grid that are not in the store yet.

    Args:
        raster: raster of the map.
        encoder: encoder of the tiles.
        grid: structured array of `TILE_DTYPE`.
        store: store of shares and descriptors.
        batch_size: number of tiles per inference.
        progress: whether to show a progress bar.

    Raises:
        MapError: if the store cannot be written; finished batches are kept.
        ModelError: if the descriptors are not unit vectors.
        RasterError: if the raster cannot be read.
    """
    done = store.resume()
    batches = [grid[start : start + batch_size] for start in range(done, len(grid), batch_size)]

    def read(batch: NDArray[np.void]) -> tuple[Rgb, Float32Array]:
        return _read_views(raster, batch, encoder.card.input_px)

    with progress_bar(label="tiles", unit="tile", total=len(grid), initial=done, shown=progress) as bar:
        for views, shares in _ahead(read, batches):
            descriptors = _describe(encoder, views[store.kept(shares)], store.descriptor_size)
            try:
                store.append(shares, descriptors)
            except OSError as error:
                raise MapError(
                    f"{store.folder} cannot be written ({error.strerror}), but the first {done} of "
                    f"{len(grid)} tiles are kept; free some disk space and run the same command again."
                ) from error
            done += len(shares)
            bar.update(len(shares))


def _read_views(raster: Raster, batch: NDArray[Any], size_px: int) -> tuple[Rgb, Float32Array]:
    views = np.empty((len(batch), size_px, size_px, 3), dtype=np.uint8)
    shares = np.empty(len(batch), dtype=np.float32)
    for row, tile in enumerate(batch):
        view, valid = raster.view(
            float(tile["east_m"]), float(tile["north_m"]), float(tile["size_m"]), size_px
        )
        views[row], shares[row] = fill_invalid(view, valid), valid.mean()
    return views, shares


def _describe(encoder: "Encoder", views: Rgb, size: int) -> Float32Array:
    if len(views) == 0:
        return np.empty((0, size), dtype=np.float32)
    descriptors = np.asarray(encoder.describe(views), dtype=np.float32)
    if descriptors.shape != (len(views), size):
        raise ModelError(
            f"model {encoder.card.id} returned descriptors of shape {descriptors.shape} for {len(views)} "
            f"views, but its card says {size} values each; export the model again."
        )
    if not np.all(np.abs(np.linalg.norm(descriptors, axis=1) - 1.0) < _UNIT_TOLERANCE):
        raise ModelError(
            f"model {encoder.card.id} returned descriptors that are not unit vectors; export the model again."
        )
    return descriptors


def _ahead(work: Callable[[In], Out], items: Iterable[In]) -> Iterator[Out]:
    """Yield the results of `work` in order, and compute the next one while the caller uses this one."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        pending = None
        for item in items:
            following = pool.submit(work, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
