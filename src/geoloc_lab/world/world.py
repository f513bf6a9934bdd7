# SPDX-License-Identifier: Apache-2.0
"""Renders a procedural landscape at several dates, as imagery that needs no download."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import rasterio
from affine import Affine
from rasterio.enums import Resampling
from rasterio.errors import RasterioError

from geoloc.errors import ParameterError, RasterError, clause
from geoloc.raster.colours import Rgb
from geoloc_lab.world.canvas import Canvas
from geoloc_lab.world.ground import paint_ground
from geoloc_lab.world.landscape import make_plan
from geoloc_lab.world.objects import paint_objects
from geoloc_lab.world.rendering import develop, make_grain
from geoloc_lab.world.season import season_of
from geoloc_lab.world.town_plan import Plan

WORLD_CRS = "EPSG:32632"
_WEST_M, _NORTH_M = 566_000.0, 5_534_000.0
MAX_SIDE_PX = 32_768


@dataclass(frozen=True)
class World:
    """A square of town and countryside; the same seed and size give the same world.

    Args:
        seed: 0 or more.
        size_m: side, 100 m to 20 km.
        gsd_m: metres per pixel, 0.05 to 5.

    Raises:
        ParameterError: for a value outside its range, or an image of more than 32,768 pixels a side.
    """

    seed: int
    size_m: float = 2048.0
    gsd_m: float = 0.3

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ParameterError(f"the seed of the world is {self.seed}; give 0 or more.")
        if not 100 <= self.size_m <= 20_000:
            raise ParameterError(f"size_m of the world is {self.size_m}; give a size from 100 m to 20 km.")
        if not 0.05 <= self.gsd_m <= 5:
            raise ParameterError(
                f"gsd_m of the world is {self.gsd_m}; give a value from 0.05 to 5 m per pixel."
            )
        if self.size_px > MAX_SIDE_PX:
            raise ParameterError(
                f"a world of {self.size_m} m at {self.gsd_m} m per pixel has {self.size_px} pixels a side, "
                f"more than {MAX_SIDE_PX}; choose a smaller size_m or a larger gsd_m."
            )

    @property
    def size_px(self) -> int:
        """Side of the images in pixels."""
        return round(self.size_m / self.gsd_m)

    @cached_property
    def plan(self) -> Plan:
        """Plan of the landscape, computed on first use."""
        return make_plan(self.seed, self.size_m)

    def render(self, date: int) -> Rgb:
        """Return the world on a date as uint8 RGB (H, W, 3), north up.

        Args:
            date: 0 is the map, in summer; later dates differ from it in season, sun, colour, vehicles, crops
                and some buildings, and by less than 0.5 m in registration.

        Raises:
            ParameterError: for a date below 0.
        """
        if date < 0:
            raise ParameterError(f"the date of the world is {date}; give 0 (the map) or a later date.")
        season = season_of(self.seed, date)
        canvas = Canvas(self.size_px, self.gsd_m, season.offset_m)
        paint_ground(canvas, self.plan, season, date)
        bare = paint_objects(canvas, self.plan, season, self.seed, date)
        grain = make_grain(self.seed, date, self.size_px, self.size_m)
        return develop(canvas, bare, grain, season, noise_seed=self.seed * 1000 + date)


def write_world(
    out_dir: Path, seed: int, size_m: float = 2048.0, gsd_m: float = 0.3, dates: tuple[int, ...] = (0, 1)
) -> list[Path]:
    """Render a world and write `date0.tif` (the map), `date1.tif` (what a camera sees later) and so on.

    Returns:
        The paths of the GeoTIFFs, in the order of `dates`.

    Raises:
        ParameterError: see `World`.
        RasterError: if the folder cannot be written.
    """
    world = World(seed, size_m, gsd_m)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RasterError(f"the folder {out_dir} cannot be created ({error}); choose another.") from error
    return [_write(out_dir / f"date{date}.tif", world.render(date), gsd_m) for date in dates]


def _write(path: Path, rgb: Rgb, gsd_m: float) -> Path:
    partial = path.with_suffix(".partial.tif")
    profile = {
        "driver": "GTiff",
        "height": rgb.shape[0],
        "width": rgb.shape[1],
        "count": 3,
        "dtype": "uint8",
        "crs": WORLD_CRS,
        "transform": Affine(gsd_m, 0, _WEST_M, 0, -gsd_m, _NORTH_M),
        "photometric": "ycbcr",
        "compress": "jpeg",
        "jpeg_quality": 92,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "interleave": "pixel",
    }
    try:
        with rasterio.open(partial, "w", **profile) as target:
            target.write(rgb.transpose(2, 0, 1))
            target.build_overviews([2, 4, 8, 16], Resampling.average)
        partial.replace(path)
    except (RasterioError, OSError) as error:
        partial.unlink(missing_ok=True)
        raise RasterError(
            f"{path} cannot be written ({clause(error)}); free disk space or choose a writable folder."
        ) from error
    return path
