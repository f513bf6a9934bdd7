# SPDX-License-Identifier: Apache-2.0
"""A region of one's own: frames of a flight and tiles of a map as pictures of one size, nothing paired.

    root/frames.csv   file, source, name, stamp_ns, kind: a row a picture, in the order of flight
    root/tiles.csv    file, latitude, longitude, east_m, north_m, size_m
    root/frames/      north-up views, as many metres wide as the tiles
    root/tiles/       what the map shows

`geoloc-train adapt` writes it; where the drone was is not in it.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.items import GeoLocation, Item, TrainingSplit

_FRAMES, _TILES = "frames", "tiles"
_LONGEST_GAPS = 3.0  # median gaps; what is further apart in time was not taken one after the other
_Row = TypeVar("_Row")


@dataclass(frozen=True)
class FrameRow:
    """A view of the camera.

    Attributes:
        file: name of the picture.
        source: recording or folder it is from.
        name: of the frame there.
        stamp_ns: when it was taken; of pictures without a time, their number in seconds.
        kind: how it became a view, see `geoloc_training.adaptation.warping`.
    """

    file: str
    source: str
    name: str
    stamp_ns: int
    kind: str


@dataclass(frozen=True)
class TileRow:
    """A tile of the map: its picture, its centre on WGS 84 and in the map's local frame, its side."""

    file: str
    latitude: float
    longitude: float
    east_m: float
    north_m: float
    size_m: float


@dataclass(frozen=True)
class Region:
    """What `read_region` finds.

    Attributes:
        root: folder of the pictures.
        frames: in the order of flight.
        tiles: row by row from the north.
    """

    root: Path
    frames: tuple[FrameRow, ...]
    tiles: tuple[TileRow, ...]

    def split(self) -> TrainingSplit:
        """Return all pictures, nothing matched, every id empty."""
        frames = tuple(Item("", "drone", self.root / _FRAMES / row.file) for row in self.frames)
        tiles = tuple(
            Item("", "satellite", self.root / _TILES / row.file, GeoLocation(row.latitude, row.longitude))
            for row in self.tiles
        )
        none: tuple[tuple[Any, ...], ...] = ((),) * len(frames)
        return TrainingSplit(frames, tiles, none, none)

    def successive(self) -> Int64Array:
        """Return pairs of frames that were taken one after the other, numbers of frames, int64 (P, 2).

        A source's pairs that lie three times as far apart in time as half of them do are left out.
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
        """Return centres of the tiles, east and north, metres, (M, 2)."""
        return np.array([(row.east_m, row.north_m) for row in self.tiles], np.float64)


def read_region(root: Path) -> Region:
    """Return the region that lies in a folder; its pictures are not opened.

    Raises:
        ParameterError: a table is missing or malformed, or without rows.
    """
    return Region(root, _read(root / f"{_FRAMES}.csv", FrameRow), _read(root / f"{_TILES}.csv", TileRow))


def frame_file(root: Path, number: int) -> Path:
    """Return where the picture of a frame belongs."""
    return root / _FRAMES / f"{number:06d}.jpg"


def tile_file(root: Path, number: int) -> Path:
    """Return where the picture of a tile belongs."""
    return root / _TILES / f"{number:06d}.jpg"


def write_frames(root: Path, rows: Iterable[FrameRow]) -> None:
    """Write the table of the frames."""
    _write(root / f"{_FRAMES}.csv", FrameRow, list(rows))


def write_tiles(root: Path, rows: Iterable[TileRow]) -> None:
    """Write the table of the tiles."""
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
            f"{path} is no table of {path.stem} ({error}); give data.root the folder `views` that "
            "`geoloc-train adapt` wrote."
        ) from error
    if not rows:
        raise ParameterError(f"{path} has no row: there is nothing to learn from; cut the region anew.")
    return tuple(rows)


def _typed(kind: Any, text: str) -> Any:  # noqa: ANN401 - one of three plain types
    return {int: int, float: float, str: str}[kind](text)
