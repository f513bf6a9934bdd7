# SPDX-License-Identifier: Apache-2.0
"""`tilemapresource.xml`: reference system, origin and pixel sizes of a TMS tree, as gdal2tiles writes it."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from pyproj import CRS

from geoloc.errors import RasterError
from geoloc.raster.reference_systems import check_on_earth, parse_crs

NAME = "tilemapresource.xml"
_LARGEST_BYTES = 1_000_000
_MERCATOR = ("3857", "900913", "3785", "41001", "102100", "102113")
_GEODETIC_DEG = 0.703125  # per pixel at zoom 0, of tiles of 256 px
_EARTH_M = 6378137.0


@dataclass(frozen=True)
class TileMapResource:
    """Contents of a `tilemapresource.xml`.

    Attributes:
        name: name of the file.
        srs: reference system as written.
        profile: profile of the tiles, such as mercator, geodetic or raster.
        box: minx, miny, maxx, maxy as written; empty if missing.
        origin: x and y of the lower left corner of tile 0, 0, in `srs`; empty if missing.
        units_per_pixel: pixel size by zoom level, in units of `srs`.
    """

    name: str
    srs: str
    profile: str
    box: tuple[float, ...] = ()
    origin: tuple[float, ...] = ()
    units_per_pixel: dict[int, float] = field(default_factory=dict)

    @property
    def is_mercator(self) -> bool:
        """Return whether the tiles are those of web maps."""
        return "mercator" in self.profile or self.srs.rpartition(":")[2] in _MERCATOR

    @property
    def is_geodetic(self) -> bool:
        """Return whether the tiles are squares of latitude and longitude."""
        return "geodetic" in self.profile or self.srs.rpartition(":")[2] == "4326"

    def latitudes(self) -> tuple[float, float] | None:
        """Return the southern and northern latitude of the bounding box; None if it is not known.

        The box is in degrees or in metres of web Mercator. Old versions of gdal2tiles give latitude as x.
        """
        if len(self.box) != 4 or not self.is_mercator:
            return None
        minx, miny, maxx, maxy = self.box
        if max(map(abs, self.box)) > 360:
            return _mercator_latitude(miny), _mercator_latitude(maxy)
        swapped = abs(miny) > 90 or abs(maxy) > 90
        return (minx, maxx) if swapped else (miny, maxy)

    def crs(self, folder: Path) -> CRS:
        """Return the reference system of a tree that is not in web Mercator.

        Raises:
            RasterError: if it is unknown or has no place on Earth.
        """
        crs = parse_crs("EPSG:4326" if self.is_geodetic else self.srs)
        check_on_earth(crs, f"{folder.name}/{self.name}")
        return crs

    def corner(self, folder: Path) -> tuple[float, float]:
        """Return x and y of the lower left corner of tile 0, 0.

        Raises:
            RasterError: if the file does not state them.
        """
        if self.is_geodetic and len(self.origin) != 2:
            return -180.0, -90.0
        if len(self.origin) != 2:
            raise RasterError(
                f"{folder / self.name} states no Origin; write the tiles again with gdal2tiles."
            )
        return self.origin[0], self.origin[1]

    def pixel_size(self, zoom: int, folder: Path) -> float:
        """Return the size of a pixel at a zoom level, in units of the reference system.

        Raises:
            RasterError: if the file does not state it.
        """
        size = self.units_per_pixel.get(zoom, _GEODETIC_DEG / 2**zoom if self.is_geodetic else 0.0)
        if not (math.isfinite(size) and size > 0):
            raise RasterError(
                f"{folder / self.name} states no units-per-pixel of zoom {zoom}; write the tiles again "
                "with gdal2tiles."
            )
        return size


def read_tile_map_resource(folder: Path) -> TileMapResource | None:
    """Read `tilemapresource.xml` in a folder; return None if there is none.

    Raises:
        RasterError: if the file is not a TileMap.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ValueError("it is too large")
        root = ElementTree.fromstring(path.read_bytes())  # noqa: S314 - expat refuses entity bombs
        if root.tag != "TileMap":
            raise ValueError(f"its root is {root.tag}, not TileMap")
        sets = root.find("TileSets")
        return TileMapResource(
            name=path.name,
            srs=(root.findtext("SRS") or "").strip(),
            profile=(sets.get("profile", "") if sets is not None else "").lower(),
            box=_numbers(root.find("BoundingBox"), ("minx", "miny", "maxx", "maxy")),
            origin=_numbers(root.find("Origin"), ("x", "y")),
            units_per_pixel=_pixel_sizes(sets),
        )
    except (OSError, ValueError, ElementTree.ParseError) as error:
        raise RasterError(
            f"{path} cannot be read ({error}), so the place of the tiles is not known; write the tiles again "
            "with gdal2tiles, or move the file away to read them as XYZ."
        ) from error


def _numbers(element: ElementTree.Element | None, names: tuple[str, ...]) -> tuple[float, ...]:
    if element is None:
        return ()
    values = tuple(float(element.get(name, "nan")) for name in names)
    return values if all(map(math.isfinite, values)) else ()


def _pixel_sizes(sets: ElementTree.Element | None) -> dict[int, float]:
    found = {}
    for level in sets.findall("TileSet") if sets is not None else ():
        name = level.get("href", "").rstrip("/").rpartition("/")[2]
        zoom = name if name.isdecimal() else level.get("order", "")
        if zoom.isdecimal():
            found[int(zoom)] = float(level.get("units-per-pixel", "nan"))
    return found


def _mercator_latitude(y_m: float) -> float:
    return math.degrees(math.atan(math.sinh(y_m / _EARTH_M)))
