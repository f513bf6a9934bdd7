# SPDX-License-Identifier: Apache-2.0
"""Open and verify a map directory: tiles, descriptors, and the raster that the tiles were cut from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array
from geoloc.checksums import file_sha256
from geoloc.errors import MapError, clause
from geoloc.geodesy import LocalFrame, distance_m
from geoloc.mapping.manifest import (
    DESCRIPTORS,
    INDEX,
    MANIFEST,
    RASTER,
    TILES,
    FileRecord,
    Manifest,
    load_manifest,
)
from geoloc.progress import progress_bar
from geoloc.raster.picture import open_picture
from geoloc.raster.views import Raster
from geoloc.search.index import Index, open_index

if TYPE_CHECKING:
    from geoloc.encoder.card import ModelCard

PROGRESS = "build.json"
TILE_DTYPE = np.dtype(
    [
        ("latitude", "<f8"),
        ("longitude", "<f8"),
        ("east_m", "<f8"),
        ("north_m", "<f8"),
        ("size_m", "<f8"),
        ("level", "<i2"),
        ("valid_fraction", "<f4"),
    ]
)

_SAMPLED_ROWS = 1024
_CHUNK_ROWS = 16_384
_UNIT_TOLERANCE = 1e-3
_PLACE_TOLERANCE_M = 0.01


@dataclass(frozen=True, eq=False)
class MapDirectory:
    """An open map.

    Attributes:
        path: folder of the map.
        manifest: contents of `map.yaml`.
        tiles: structured array (N,) of `TILE_DTYPE`: latitude and longitude (degrees, WGS 84), east_m and
            north_m (centre in the local frame), size_m, level (0 for tiles of `view_size_m`), valid_fraction.
        descriptors: float32 (N, D), L2-normalized, memory-mapped and read-only.
    """

    path: Path
    manifest: Manifest
    tiles: NDArray[Any]
    descriptors: Float32Array

    @property
    def frame(self) -> LocalFrame:
        """Local frame of raster and tiles: metres east and north of the map's centre."""
        return self.manifest.frame

    @property
    def view_size_m(self) -> float:
        """Side of the views that are looked up in this map, metres."""
        return self.manifest.view_size_m

    @property
    def pitch_m(self) -> float:
        """Largest distance between the centres of neighbouring tiles of level 0, metres."""
        return self.manifest.pitch_m

    @property
    def model_id(self) -> str:
        """Id of the model that computed the descriptors."""
        return self.manifest.model_id

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the weights of this model."""
        return self.manifest.model_sha256

    def index(self) -> Index:
        """Open the index of the descriptors: approximate if the map was built with such an index, else exact.

        Raises:
            MapError: if the map's index file is damaged.
        """
        record = self.manifest.file(INDEX)
        if record is None:
            return open_index(self.descriptors)
        _check_sum(self.path, record)
        return open_index(self.descriptors, "hnsw", self.path / INDEX)

    def raster(self) -> Raster:
        """Open the raster that the tiles were cut from, in the map's frame; the caller closes it.

        Raises:
            RasterError: if the raster is damaged.
        """
        return open_picture(self.path / RASTER, self.frame)


def open_map(path: Path, encoder_card: "ModelCard | None" = None) -> MapDirectory:
    """Open a map directory; check only a sample of the descriptors, so that large maps open quickly.

    Args:
        path: folder that `geoloc map build` wrote.
        encoder_card: card of the model that describes views; None to accept a map of any model.

    Raises:
        MapError: if the map is missing, half built, damaged, or built with another model.
    """
    path = Path(path)
    _check_complete(path)
    manifest = load_manifest(path)
    if encoder_card is not None:
        _check_model(path, manifest, encoder_card)
    for record in manifest.files:
        _check_size(path, record)
    tiles = _load(path / TILES)
    descriptors = _load(path / DESCRIPTORS, mapped=True)
    _check_tables(path, manifest, tiles, descriptors)
    sample = np.unique(np.linspace(0, len(descriptors) - 1, _SAMPLED_ROWS).astype(np.int64))
    _check_unit(path, descriptors[sample])
    return MapDirectory(path, manifest, tiles, descriptors)


def verify_map(path: Path, *, progress: bool = False) -> MapDirectory:
    """Verify a map completely: the checksum of each file, each descriptor, each tile's position, the raster.

    Args:
        path: folder that `geoloc map build` wrote.
        progress: whether to show a progress bar.

    Raises:
        MapError: at the first fault that is found.
        RasterError: if the raster cannot be read.
    """
    opened = open_map(path)
    for record in progress_bar(opened.manifest.files, label="verify", unit="file", shown=progress):
        _check_sum(opened.path, record)
    for start in range(0, len(opened.descriptors), _CHUNK_ROWS):
        _check_unit(opened.path, opened.descriptors[start : start + _CHUNK_ROWS])
    _check_places(opened)
    with opened.raster() as raster:
        raster.overview(64)
    return opened


def _check_complete(path: Path) -> None:
    if not path.is_dir():
        raise MapError(f"there is no map at {path}; build one with `geoloc map build SOURCE --out {path}`.")
    if (path / MANIFEST).is_file():
        return
    if (path / PROGRESS).is_file():
        raise MapError(f"{path} is half built; run the same `geoloc map build … --out {path}` to finish it.")
    raise MapError(f"{path} is not a map, because it has no {MANIFEST}; build one with `geoloc map build`.")


def _check_model(path: Path, manifest: Manifest, card: "ModelCard") -> None:
    if manifest.model_sha256 != card.sha256:
        raise MapError(
            f"{path} was built with model {manifest.model_id} ({manifest.model_sha256[:12]}), but the "
            f"encoder is {card.id} ({card.sha256[:12]}); build it again with `geoloc map build "
            f"{path / RASTER} --model models/{card.id} --out {path}-{card.id}`."
        )


def _check_size(path: Path, record: FileRecord) -> None:
    file = path / record.name
    if not file.is_file():
        raise MapError(f"{file} is missing; build the map again.")
    if file.stat().st_size != record.size_bytes:
        raise MapError(
            f"{file} has {file.stat().st_size} bytes instead of {record.size_bytes}, so it is truncated "
            "or changed; copy or build the map again."
        )


def _check_sum(path: Path, record: FileRecord) -> None:
    if file_sha256(path / record.name) != record.sha256:
        raise MapError(
            f"{path / record.name} was changed after the map was built; copy or build the map again."
        )


def _load(path: Path, *, mapped: bool = False) -> NDArray[Any]:
    try:
        loaded = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise MapError(
            f"{path} is not a plain NumPy array ({clause(error)}); build the map again."
        ) from error
    if not isinstance(loaded, np.ndarray):
        raise MapError(f"{path} is not a single NumPy array; build the map again.")
    return loaded


def _check_tables(path: Path, manifest: Manifest, tiles: NDArray[Any], descriptors: NDArray[Any]) -> None:
    if tiles.dtype != TILE_DTYPE or tiles.shape != (manifest.tile_count,):
        raise MapError(
            f"{path / TILES} has shape {tiles.shape} and fields {tiles.dtype.names}, not the "
            f"{manifest.tile_count} tiles of {MANIFEST}; build the map again."
        )
    shape = (manifest.tile_count, manifest.descriptor_size)
    if descriptors.dtype != np.float32 or descriptors.shape != shape:
        raise MapError(
            f"{path / DESCRIPTORS} is {descriptors.dtype} {descriptors.shape}, but {MANIFEST} says float32 "
            f"{shape}; build the map again."
        )
    if not all(np.isfinite(tiles[name]).all() for name in TILE_DTYPE.names or ()):
        raise MapError(f"{path / TILES} holds positions that are not finite; build the map again.")


def _check_unit(path: Path, rows: Float32Array) -> None:
    norms = np.linalg.norm(rows, axis=1)
    if not np.all(np.abs(norms - 1.0) < _UNIT_TOLERANCE):
        raise MapError(
            f"{path / DESCRIPTORS} holds descriptors that are not finite or not of unit length; build the "
            "map again."
        )


def _check_places(opened: MapDirectory) -> None:
    latitude, longitude = opened.frame.to_geodetic(opened.tiles["east_m"], opened.tiles["north_m"])
    away_m = distance_m(latitude, longitude, opened.tiles["latitude"], opened.tiles["longitude"])
    if away_m.max() > _PLACE_TOLERANCE_M:
        raise MapError(
            f"{opened.path / TILES}: latitude and longitude of a tile lie {away_m.max():.2f} m from its "
            "position in metres; build the map again."
        )
