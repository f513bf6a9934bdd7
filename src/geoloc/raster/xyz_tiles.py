# SPDX-License-Identifier: Apache-2.0
"""A folder of web map tiles, z/x/y.png, read as one image by a virtual GDAL mosaic, without a copy."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import rasterio
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from geoloc.errors import RasterError, clause

_DRIVERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_NUMBER = re.compile(r"\d{1,9}")
_MERCATOR_EDGE_M = 20037508.342789244


@dataclass(frozen=True)
class Tile:
    """The file of a tile at column `x` and row `y` (from the north) of its zoom level."""

    x: int
    y: int
    path: Path


def is_xyz_folder(folder: Path) -> bool:
    """Return whether `folder` is a tile tree (z/x/y.png), or one zoom level of it, named by its number."""
    return bool(_zoom_folders(folder))


def mosaic_xml(folder: Path) -> str:
    """Return the XML of a virtual GDAL mosaic (RGBA, EPSG:3857) of the tiles of one zoom level.

    Args:
        folder: a tree z/x/y.{png,jpg,webp} with one zoom level, or the folder of a zoom level.

    Raises:
        RasterError: if the folder has several zoom levels or tile sizes, or a tile cannot be read.
    """
    zooms = _zoom_folders(folder)
    if len(zooms) != 1:
        names = ", ".join(str(zoom) for zoom in sorted(zooms))
        finest = zooms[max(zooms)]
        raise RasterError(f"{folder} holds zoom levels {names}; give the folder of one, such as {finest}.")
    zoom, level = next(iter(zooms.items()))
    tiles = sorted(_tiles(level), key=lambda tile: (tile.y, tile.x))
    _check_numbers(level, zoom, tiles)
    return _mosaic(zoom, tiles)


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


def _check_numbers(level: Path, zoom: int, tiles: list[Tile]) -> None:
    if zoom > 30 or any(max(tile.x, tile.y) >= 2**zoom for tile in tiles):
        raise RasterError(f"{level} holds tile numbers that zoom {zoom} does not have; name tiles z/x/y.")
    seen: dict[tuple[int, int], Path] = {}
    for tile in tiles:
        other = seen.setdefault((tile.x, tile.y), tile.path)
        if other != tile.path:
            raise RasterError(f"{other} and {tile.path} are the same tile; keep one of them.")


def _mosaic(zoom: int, tiles: list[Tile]) -> str:
    first_x, first_y = min(tile.x for tile in tiles), min(tile.y for tile in tiles)
    columns = max(tile.x for tile in tiles) - first_x + 1
    rows = max(tile.y for tile in tiles) - first_y + 1
    bands: dict[int, list[str]] = defaultdict(list)
    size_px = 0
    for tile in tiles:
        width, components = _read_header(tile.path)
        if size_px not in (0, width):
            raise RasterError(f"{tile.path} is {width} px wide, others are {size_px} px; keep one tile size.")
        size_px = width
        place = (tile.x - first_x) * size_px, (tile.y - first_y) * size_px
        for band, component in enumerate(components, start=1):
            bands[band].append(_xml_source(tile.path, component, place, size_px))
    pixel_m = 2 * _MERCATOR_EDGE_M / (2**zoom * size_px)
    left = first_x * size_px * pixel_m - _MERCATOR_EDGE_M
    top = _MERCATOR_EDGE_M - first_y * size_px * pixel_m
    colours = ("Red", "Green", "Blue", "Alpha")
    body = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><ColorInterp>{colours[band - 1]}</ColorInterp>'
        f"{''.join(sources)}</VRTRasterBand>"
        for band, sources in bands.items()
    )
    return (
        f'<VRTDataset rasterXSize="{columns * size_px}" rasterYSize="{rows * size_px}"><SRS>EPSG:3857</SRS>'
        f"<GeoTransform>{left!r}, {pixel_m!r}, 0, {top!r}, 0, {-pixel_m!r}</GeoTransform>{body}</VRTDataset>"
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
