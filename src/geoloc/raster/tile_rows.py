# SPDX-License-Identifier: Apache-2.0
"""The row order of a tile tree: XYZ counts rows from the north, TMS from the south; names do not tell which.

The tiles themselves decide where they can: neighbours continue each other at their common edge. Otherwise a
file beside the tiles decides, or placeholders in the path (`{-y}` for TMS).
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import RasterError
from geoloc.raster.tile_map_resource import TileMapResource

_TEMPLATE = re.compile(r"(?:(?:\{z\}|\d+)/)?\{x\}/\{(?P<south>-?)y\}(?:\.\w+)?")
_TEXTS = (".html", ".htm", ".json", ".xml", ".txt", ".md", ".qlr", ".mapml", ".yaml", ".yml")
_LONGEST_TEXT = 1_000_000
_SOUTH = re.compile(
    r"\{-y\}|\btms\b[\"']?\s*[:=]\s*[\"']?(true|1)\b|\bscheme\b[\"']?\s*[:=]\s*[\"']?tms\b|YOrigin>\s*bottom"
)
_NORTH = re.compile(r"/\{y\}|/\{TileRow\}|\bscheme\b[\"']?\s*[:=]\s*[\"']?xyz\b|YOrigin>\s*top")

_PAIRS = 12
_LEAST_EDGE_PX = 16
_NOISE = 2.0  # grey levels, of JPEG
_BROKEN = 1.4  # at an edge where tiles do not belong together, the step is larger than those beside it
_CLEARLY = 1.3
_AGREEING = 0.75  # of the pairs

Numbers = tuple[int, int]


class RowOrder(Enum):
    """Where the rows of a tile tree are counted from."""

    NORTH = "XYZ"
    SOUTH = "TMS"


def tree_of(path: Path) -> tuple[Path, RowOrder | None]:
    """Return the folder of a path such as tiles/{z}/{x}/{-y}.png, and the order of rows that it states.

    A path without placeholders is returned as it is, with None.

    Raises:
        RasterError: if the placeholders are others than z/x/y or z/x/-y.
    """
    first = next((number for number, part in enumerate(path.parts) if "{" in part), None)
    if first is None or path.exists():
        return path, None
    found = _TEMPLATE.fullmatch("/".join(path.parts[first:]))
    if found is None:
        raise RasterError(
            f"{path} does not exist; for a folder of tiles, give the folder, or its names as in "
            "tiles/{z}/{x}/{y}.png with rows from the north, tiles/{z}/{x}/{-y}.png with rows from the south."
        )
    return Path(*path.parts[:first]), RowOrder.SOUTH if found["south"] else RowOrder.NORTH


def row_order(
    folder: Path,
    zoom: int,
    tiles: Mapping[Numbers, Path],
    asked: RowOrder | None,
    resource: TileMapResource | None,
) -> tuple[RowOrder, tuple[str, ...]]:
    """Return the row order of a tile tree, and sentences for the user about it.

    Args:
        folder: folder of the tree, where other files may lie.
        zoom: zoom level of the tiles.
        tiles: files by column and row, as their names state.
        asked: order that the user states; None if unknown.
        resource: contents of `tilemapresource.xml`; None if there is none.

    Raises:
        RasterError: if the user states one order, and the edges of the tiles show the other.
    """
    seen = _seen_at_edges(tiles)
    if asked is not None:
        if seen not in (None, asked):
            placeholder = "{-y}" if seen is RowOrder.SOUTH else "{y}"
            raise RasterError(
                f"{folder}: its tiles continue each other at their edges only if rows are read as "
                f"{seen.value}, not as {asked.value}; give {{x}}/{placeholder}."
            )
        return asked, ()
    told, source = _told(folder, zoom, tiles, resource)
    order = seen or told
    if order is None:
        return RowOrder.NORTH, (_ambiguous(folder, zoom, tiles),)
    if order is RowOrder.NORTH:
        note = f"{folder} is read with rows from the north (XYZ), as the edges of its tiles show"
        return order, (f"{note}, though {source} says TMS.",) if told is RowOrder.SOUTH else ()
    why = f"{source} says" if told is order else "the edges of its tiles show"
    return order, (f"{folder} is read with rows from the south (TMS), as {why}.",)


def _ambiguous(folder: Path, zoom: int, tiles: Mapping[Numbers, Path]) -> str:
    rows = [row for _, row in tiles]
    latitude = _latitude((min(rows) + max(rows) + 1) / 2, zoom)
    return (
        f"{folder} does not tell whether its rows count from the north (XYZ) or from the south (TMS), so it "
        f"is read as XYZ, at latitude {latitude:.2f}°; if the place is at {-latitude:.2f}°, build the map "
        f"from '{folder}/{zoom}/{{x}}/{{-y}}.png'."
    )


def _told(
    folder: Path, zoom: int, tiles: Mapping[Numbers, Path], resource: TileMapResource | None
) -> tuple[RowOrder | None, str]:
    """Return the order that a file beside the tiles states, and the name of the file."""
    rows = [row for _, row in tiles]
    span = min(rows), max(rows) + 1
    if resource is not None:
        fitting = _order_within(resource.latitudes(), span, zoom)
        return fitting or RowOrder.SOUTH, resource.name
    texts = list(_texts(folder))
    for path, text in texts:
        fitting = _order_within(_bounds_of(text) if path.suffix == ".json" else None, span, zoom)
        if fitting is not None:
            return fitting, path.name
    for path, text in texts:
        south, north = _SOUTH.search(text), _NORTH.search(text)
        if bool(south) != bool(north):
            return RowOrder.SOUTH if south else RowOrder.NORTH, path.name
    return None, ""


def _texts(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in _TEXTS and path.is_file() and path.stat().st_size <= _LONGEST_TEXT:
            yield path, path.read_text(encoding="utf-8", errors="replace")


def _bounds_of(text: str) -> tuple[float, float] | None:
    """Return the southern and northern latitude of the bounds in a TileJSON or in the metadata of MBTiles."""
    try:
        found: Any = json.loads(text)
        bounds = found.get("bounds") if isinstance(found, dict) else None
        numbers = [float(value) for value in (bounds.split(",") if isinstance(bounds, str) else bounds or ())]
    except (ValueError, TypeError):
        return None
    return (numbers[1], numbers[3]) if len(numbers) == 4 else None


def _order_within(latitudes: tuple[float, float] | None, span: Numbers, zoom: int) -> RowOrder | None:
    """Return the order in which the rows lie within latitudes; None if both do, or neither."""
    if latitudes is None:
        return None
    count = 2**zoom
    top, bottom = (_row(latitude, zoom) for latitude in reversed(latitudes))
    north = span[0] < bottom and span[1] > top
    south = count - span[1] < bottom and count - span[0] > top
    if north == south:
        return None
    return RowOrder.NORTH if north else RowOrder.SOUTH


def _row(latitude_deg: float, zoom: int) -> float:
    latitude = math.radians(min(85.0, max(-85.0, latitude_deg)))
    return float((0.5 - math.asinh(math.tan(latitude)) / (2 * math.pi)) * 2**zoom)


def _latitude(row: float, zoom: int) -> float:
    return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**zoom))))


def _seen_at_edges(tiles: Mapping[Numbers, Path]) -> RowOrder | None:
    """Return the order in which neighbours of a column continue each other; None if that is not clear."""
    above = [place for place in sorted(tiles) if (place[0], place[1] + 1) in tiles]
    chosen = above[:: max(1, len(above) // _PAIRS)][: 2 * _PAIRS]
    steps = [pair for x, y in chosen if (pair := _steps(tiles[x, y], tiles[x, y + 1])) is not None]
    if not steps:
        return None
    north, south = np.array(steps).T
    for order, own, other in ((RowOrder.NORTH, north, south), (RowOrder.SOUTH, south, north)):
        clear = other.mean() > _BROKEN and other.mean() > _CLEARLY * own.mean()
        if clear and (own < other).mean() >= _AGREEING:
            return order
    return None


def _steps(first: Path, second: Path) -> tuple[float, float] | None:
    """Return the steps of grey between two tiles if the second lies below the first, and if it lies above."""
    one, other = _grey(first), _grey(second)
    if one is None or other is None or one.shape != other.shape:
        return None
    below, above = _step(one, other), _step(other, one)
    return None if below is None or above is None else (below, above)


def _step(upper: Float64Array, lower: Float64Array) -> float | None:
    """Return the step at the common edge of two tiles, in units of those between rows beside it.

    Rough ground has large steps everywhere, so the step alone would not tell whether the tiles belong
    together.
    """
    at_edge = np.abs(upper[-1] - lower[0])
    known = np.isfinite(at_edge)
    if known.sum() < _LEAST_EDGE_PX:
        return None
    beside = np.concatenate([np.abs(upper[-1] - upper[-2])[known], np.abs(lower[0] - lower[1])[known]])
    return float((at_edge[known].mean() + _NOISE) / (np.nanmean(beside) + _NOISE))


def _grey(path: Path) -> Float64Array | None:
    """Return a tile as grey (H, W), NaN where it is transparent; None if it cannot be read."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        return None
    if pixels.ndim == 2:
        return np.asarray(pixels, dtype=np.float64)
    grey = pixels[..., :3].astype(np.float64).mean(axis=2)
    if pixels.shape[2] == 4:
        grey[pixels[..., 3] == 0] = np.nan
    return np.asarray(grey)
