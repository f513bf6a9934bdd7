# SPDX-License-Identifier: Apache-2.0
"""The data set `region`: views of a flight and tiles of a map as images of one size, without pairs.

    root/frames.csv   file, source, name, stamp_ns, kind: one row for each view, in the order of flight
    root/tiles.csv    file, latitude, longitude, east_m, north_m, size_m
    root/frames/      north-up views of the camera, as many metres wide as the tiles
    root/tiles/       images of the map

`geoloc-train adapt` writes this folder. It holds no positions of the drone.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import ParameterError, clause
from geoloc_training.items import GeoLocation, Item, TrainingSplit

_FRAMES, _TILES = "frames", "tiles"
_LONGEST_GAPS = 3.0  # in median gaps; frames further apart in time are not successive
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class FrameRow:
    """A view of the camera.

    Attributes:
        file: file name of the view.
        source: recording or folder of the frame.
        name: name of the frame in its source.
        stamp_ns: time of the frame, nanoseconds; the frame's number in seconds if the time is unknown.
        kind: how the frame became a view, see `geoloc_training.adaptation.warping`.
    """

    file: str
    source: str
    name: str
    stamp_ns: int
    kind: str


@dataclass(frozen=True)
class TileRow:
    """A tile of the map: image file, centre on WGS 84 and in the map's local frame, side in metres."""

    file: str
    latitude: float
    longitude: float
    east_m: float
    north_m: float
    size_m: float


@dataclass(frozen=True)
class Region:
    """Frames and tiles of a region, as `read_region` returns them.

    Attributes:
        root: folder of the region.
        frames: views in the order of flight.
        tiles: tiles row by row, from the north.
    """

    root: Path
    frames: tuple[FrameRow, ...]
    tiles: tuple[TileRow, ...]

    def split(self) -> TrainingSplit:
        """Return all images as a training split without matches and with empty ids."""
        frames = tuple(Item("", "drone", self.root / _FRAMES / row.file) for row in self.frames)
        tiles = tuple(
            Item("", "satellite", self.root / _TILES / row.file, GeoLocation(row.latitude, row.longitude))
            for row in self.tiles
        )
        none: tuple[tuple[Any, ...], ...] = ((),) * len(frames)
        return TrainingSplit(frames, tiles, none, none)

    def successive(self) -> Int64Array:
        """Return pairs of successive frames, as frame numbers, int64 (P, 2).

        Pairs further apart in time than three times the median gap of their source are left out.
        """
        pairs = [
            (i, i + 1)
            for i in range(len(self.frames) - 1)
            if self.frames[i].source == self.frames[i + 1].source
        ]
        gaps = np.array([self.frames[j].stamp_ns - self.frames[i].stamp_ns for i, j in pairs], np.float64)
        names = np.array([self.frames[i].source for i, _ in pairs], np.str_)
        near = np.ones(len(pairs), np.bool_)
        for name in np.unique(names):
            own = names == name
            near[own] = gaps[own] <= _LONGEST_GAPS * np.median(gaps[own])
        return np.array(pairs, np.int64).reshape(-1, 2)[near]

    def positions_m(self) -> Float64Array:
        """Return the centres of the tiles, east and north in metres, float64 (M, 2)."""
        return np.array([(row.east_m, row.north_m) for row in self.tiles], np.float64)


def read_region(root: Path) -> Region:
    """Read the tables of a region; its images are not opened.

    Raises:
        ParameterError: a table is missing, malformed or empty.
    """
    return Region(root, _read(root / f"{_FRAMES}.csv", FrameRow), _read(root / f"{_TILES}.csv", TileRow))


def frame_file(root: Path, number: int) -> Path:
    """Return the file of a frame's view."""
    return root / _FRAMES / f"{number:06d}.jpg"


def tile_file(root: Path, number: int) -> Path:
    """Return the file of a tile's image."""
    return root / _TILES / f"{number:06d}.jpg"


def write_frames(root: Path, rows: Iterable[FrameRow]) -> None:
    """Write the table of frames."""
    _write(root / f"{_FRAMES}.csv", FrameRow, list(rows))


def write_tiles(root: Path, rows: Iterable[TileRow]) -> None:
    """Write the table of tiles."""
    _write(root / f"{_TILES}.csv", TileRow, list(rows))


def _write(path: Path, kind: type, rows: Sequence[Any]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(kind)])
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def _read(path: Path, kind: type[_Row]) -> tuple[_Row, ...]:
    types = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [
                kind(**{name: _typed(types[name], text) for name, text in row.items()})
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise ParameterError(
            f"{path} is not a table of {path.stem} ({clause(error)}); set data.root to the folder `views` "
            "that `geoloc-train adapt` wrote."
        ) from error
    if not rows:
        raise ParameterError(f"{path} has no rows; run `geoloc-train adapt` again to cut the region.")
    return tuple(rows)


def _typed(kind: Any, text: str) -> Any:  # noqa: ANN401 - one of three plain types
    return {int: int, float: float, str: str}[kind](text)
