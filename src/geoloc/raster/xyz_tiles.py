# SPDX-License-Identifier: Apache-2.0
"""A folder of map tiles, z/x/y.png, read as one image by a virtual GDAL mosaic, without a copy.

The mosaic spans all tiles, but has pixels only where there are tiles (`TileTree.pieces`).
"""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from pyproj import CRS
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoloc.arrays import Int64Array
from geoloc.errors import RasterError, clause
from geoloc.raster.tile_map_resource import TileMapResource, read_tile_map_resource
from geoloc.raster.tile_rows import RowOrder, row_order

_DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_NUMBER = re.compile(r"\d{1,9}")
_MERCATOR_EDGE_M = 20037508.342789244
_MERCATOR = CRS.from_epsg(3857)
# Larger pictures take too long to write, even where they are empty.
_LARGEST_PX = 2e10
_LEAST_FILLED = 0.1


@dataclass(frozen=True)
class Tile:
    """The file of a tile at column `x` and row `y` of its zoom level, rows counted as its name does."""

    x: int
    y: int
    path: Path


@dataclass(frozen=True)
class TileTree:
    """The tiles of one zoom level as one image.

    Attributes:
        xml: XML of a virtual GDAL mosaic (RGBA) of the tiles.
        crs: reference system of the mosaic.
        pieces: pixel rectangles (N, 4) of column, row, width, height, one for each tile.
        notes: sentences for the user about the order of rows.
    """

    xml: str
    crs: CRS
    pieces: Int64Array
    notes: tuple[str, ...]


def is_xyz_folder(folder: Path) -> bool:
    """Return whether `folder` is a tile tree (z/x/y.png), or one zoom level of it, named by its number."""
    return bool(_zoom_folders(folder))


def read_tree(folder: Path, rows: RowOrder | None = None) -> TileTree:
    """Read the names and headers of the tiles of one zoom level.

    Args:
        folder: a tree z/x/y.{png,jpg,webp} with one zoom level, or the folder of a zoom level.
        rows: where rows are counted from; None to find out.

    Raises:
        RasterError: if the folder has several zoom levels or tile sizes, its tiles lie too far apart for one
            map, or a tile cannot be read.
    """
    zooms = _zoom_folders(folder)
    if len(zooms) != 1:
        names = ", ".join(str(zoom) for zoom in sorted(zooms))
        finest = zooms[max(zooms)]
        raise RasterError(f"{folder} holds zoom levels {names}; give the folder of one, such as {finest}.")
    zoom, level = next(iter(zooms.items()))
    root = level.absolute().parent
    files = _by_number(_tiles(level))
    resource = read_tile_map_resource(root)
    web = resource is None or resource.is_mercator
    if web:
        _check_numbers(level, zoom, files)
    order, notes = row_order(root, zoom, files, rows, resource)
    tiles = sorted((Tile(x, y, path) for (x, y), path in files.items()), key=lambda tile: (tile.y, tile.x))
    if resource is not None and not web:
        return _mosaic(_resource_grid(resource, zoom, root, order), tiles, notes)
    return _mosaic(_web_grid(zoom, order), tiles, notes)


def _zoom_folders(folder: Path) -> dict[int, Path]:
    if _is_number(folder.name) and any(_tiles(folder)):
        return {int(folder.name): folder}
    levels = (path for path in folder.iterdir() if path.is_dir() and _is_number(path.name))
    return {int(level.name): level for level in levels if any(_tiles(level))}


def _tiles(level: Path) -> Iterator[Tile]:
    for column in level.iterdir():
        if column.is_dir() and _is_number(column.name):
            for path in column.iterdir():
                if path.suffix.lower() in _DRIVERS and _is_number(path.stem):
                    yield Tile(int(column.name), int(path.stem), path)


def _is_number(name: str) -> bool:
    return _NUMBER.fullmatch(name) is not None


def _by_number(tiles: Iterator[Tile]) -> dict[tuple[int, int], Path]:
    found: dict[tuple[int, int], Path] = {}
    for tile in tiles:
        other = found.setdefault((tile.x, tile.y), tile.path)
        if other != tile.path:
            raise RasterError(f"{other} and {tile.path} are the same tile; keep one of them.")
    return found


def _check_numbers(level: Path, zoom: int, numbers: Iterable[tuple[int, int]]) -> None:
    if zoom > 30 or any(max(pair) >= 2**zoom for pair in numbers):
        raise RasterError(f"{level} holds tile numbers that zoom {zoom} does not have; name tiles z/x/y.")


@dataclass(frozen=True)
class _Grid:
    """Where the tiles of a zoom level lie.

    Attributes:
        crs: reference system.
        left: x of the left edge of column 0.
        edge: y of the edge of row 0 from which rows are counted, its upper one if they count from the north.
        order: where rows are counted from.
        pixel: size of a pixel in units of `crs`; 0 if `turn` gives it.
        columns: number of columns around the Earth; 0 if they do not close.
        turn: length of a turn around the Earth in units of `crs`.
    """

    crs: CRS
    left: float
    edge: float
    order: RowOrder
    pixel: float = 0.0
    columns: int = 0
    turn: float = 0.0

    def row(self, tile: Tile) -> int:
        """Return the row of a tile, counted downwards from `edge`."""
        return tile.y if self.order is RowOrder.NORTH else -1 - tile.y

    def pixel_size(self, size_px: int) -> float:
        return self.pixel or self.turn / (self.columns * size_px)

    def first_column(self, columns: set[int]) -> int:
        """Return the column where the tiles begin: after the widest gap, which may lie within the numbers."""
        known = sorted(columns)
        if not self.columns:
            return known[0]
        gaps = [
            after - before for before, after in zip(known, [*known[1:], known[0] + self.columns], strict=True)
        ]
        widest = max(range(len(gaps)), key=lambda number: (gaps[number], number))
        return known[(widest + 1) % len(known)]


def _web_grid(zoom: int, order: RowOrder) -> _Grid:
    edge_m = _MERCATOR_EDGE_M if order is RowOrder.NORTH else -_MERCATOR_EDGE_M
    return _Grid(_MERCATOR, -_MERCATOR_EDGE_M, edge_m, order, columns=2**zoom, turn=2 * _MERCATOR_EDGE_M)


def _resource_grid(resource: TileMapResource, zoom: int, folder: Path, order: RowOrder) -> _Grid:
    if order is not RowOrder.SOUTH:
        raise RasterError(
            f"{folder / resource.name} says that rows count from the south, but the tiles continue "
            "each other only if they count from the north; write the tiles again with gdal2tiles."
        )
    left, bottom = resource.corner(folder)
    return _Grid(resource.crs(folder), left, bottom, order, pixel=resource.pixel_size(zoom, folder))


def _mosaic(grid: _Grid, tiles: list[Tile], notes: tuple[str, ...]) -> TileTree:
    first_x = grid.first_column({tile.x for tile in tiles})
    first_row = min(grid.row(tile) for tile in tiles)
    bands: dict[int, list[str]] = defaultdict(list)
    pieces = []
    size_px = 0
    for tile in tiles:
        width, components = _read_header(tile.path)
        if size_px not in (0, width):
            raise RasterError(f"{tile.path} is {width} px wide, others are {size_px} px; keep one tile size.")
        size_px = width
        column = (tile.x - first_x) % grid.columns if grid.columns else tile.x - first_x
        place = column * size_px, (grid.row(tile) - first_row) * size_px
        pieces.append((*place, size_px, size_px))
        for band, component in enumerate(components, start=1):
            bands[band].append(_xml_source(tile.path, component, place, size_px))
    found = np.array(pieces, dtype=np.int64)
    width, height = (int(side) for side in (found[:, :2] + found[:, 2:]).max(axis=0))
    _check_apart(tiles, width, height, size_px)
    pixel = grid.pixel_size(size_px)
    left, top = grid.left + first_x * size_px * pixel, grid.edge - first_row * size_px * pixel
    colours = ("Red", "Green", "Blue", "Alpha")
    body = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><ColorInterp>{colours[band - 1]}</ColorInterp>'
        f"{''.join(sources)}</VRTRasterBand>"
        for band, sources in bands.items()
    )
    xml = (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}"><SRS>{escape(grid.crs.to_wkt())}</SRS>'
        f"<GeoTransform>{left!r}, {pixel!r}, 0, {top!r}, 0, {-pixel!r}</GeoTransform>{body}</VRTDataset>"
    )
    return TileTree(xml, grid.crs, found, notes)


def _check_apart(tiles: list[Tile], width: int, height: int, size_px: int) -> None:
    if width * height > _LARGEST_PX and len(tiles) * size_px**2 < _LEAST_FILLED * width * height:
        first, last = tiles[0].path, tiles[-1].path
        raise RasterError(
            f"the areas of {first.parents[1]} lie too far apart for one map ({width} × {height} px, of "
            f"which tiles such as {first} and {last} fill little); copy each area to a folder of its own, "
            "and build a map of each."
        )


def _read_header(path: Path) -> tuple[int, list[str]]:
    """Return the width of a tile, and the XML of its red, green, blue and alpha."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path, driver=_DRIVERS[path.suffix.lower()]) as tile:
                count, interpretation = tile.count, tile.colorinterp
                width, height, dtype = tile.width, tile.height, tile.dtypes[0]
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"tile {path} cannot be read ({clause(error)}); download it again or delete it."
        ) from error
    if width != height or dtype != "uint8":
        raise RasterError(f"tile {path} is {width}×{height} {dtype}; give square tiles of 8 bits.")
    if interpretation[0] == ColorInterp.palette:
        return width, [_xml_band(1, f"<ColorTableComponent>{n}</ColorTableComponent>") for n in (1, 2, 3, 4)]
    colours = [1, 2, 3] if count >= 3 else [1, 1, 1]
    opaque = _xml_band(1, "<ScaleOffset>255</ScaleOffset><ScaleRatio>0</ScaleRatio>")
    alpha = _xml_band(count) if count in (2, 4) else opaque
    return width, [*(_xml_band(band) for band in colours), alpha]


def _xml_band(band: int, extra: str = "") -> str:
    return f"<SourceBand>{band}</SourceBand>{extra}"


def _xml_source(path: Path, component: str, place_px: tuple[int, int], size_px: int) -> str:
    band, _, extra = component.partition("</SourceBand>")
    x, y = place_px
    return (
        f'<ComplexSource><SourceFilename relativeToVRT="0">{escape(str(path.resolve()))}</SourceFilename>'
        f"{band}</SourceBand>"
        f'<SourceProperties RasterXSize="{size_px}" RasterYSize="{size_px}" DataType="Byte" '
        f'BlockXSize="{size_px}" BlockYSize="1"/>'
        f'<SrcRect xOff="0" yOff="0" xSize="{size_px}" ySize="{size_px}"/>'
        f'<DstRect xOff="{x}" yOff="{y}" xSize="{size_px}" ySize="{size_px}"/>{extra}</ComplexSource>'
    )
