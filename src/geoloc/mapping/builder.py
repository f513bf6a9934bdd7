# SPDX-License-Identifier: Apache-2.0
"""Build a map directory: warp the imagery once, cut it into tiles, and compute their descriptors.

Every stage keeps its work on disk, so an interrupted build resumes where it stopped. `map.yaml` is written
last and atomically; a folder without it is not a map yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml
from numpy.typing import NDArray

from geoloc import __version__
from geoloc.arrays import Float64Array
from geoloc.checksums import file_sha256
from geoloc.geodesy import LocalFrame
from geoloc.mapping.directory import MapDirectory, open_map
from geoloc.mapping.grid import COARSEST_IMAGERY, default_view_size_m, pitch_m, tile_grid
from geoloc.mapping.manifest import (
    DESCRIPTORS,
    FORMAT_VERSION,
    INDEX,
    PARAMS,
    RASTER,
    REQUIRED_FILES,
    FileRecord,
    Four,
    Imagery,
    Manifest,
    write_manifest,
)
from geoloc.mapping.recipe import BuildOptions, Recipe, begin, build_lock, finish, make_recipe
from geoloc.mapping.tile_store import TileStore, describe_tiles
from geoloc.raster.picture import open_picture, write_picture
from geoloc.raster.views import Raster, open_raster
from geoloc.search.index import has_faiss, write_hnsw

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

__all__ = ["BuildOptions", "Imagery", "build_map"]

_SAID_LOSS = 0.02  # share of lost tiles above which the user is told
_PARAMS_HEAD = "# ROS parameters that belong to this map; launch adds its absolute path as `map`.\n"


def _silent(_: str) -> None:
    """Ignore a note."""


def build_map(
    source: Path,
    encoder: "Encoder",
    out: Path,
    options: BuildOptions | None = None,
    *,
    bounds: Sequence[float] | None = None,
    crs: str | None = None,
    overwrite: bool = False,
    progress: bool = False,
    notify: Callable[[str], None] = _silent,
) -> MapDirectory:
    """Build a map, resume an interrupted build, or open the map if it is complete.

    Args:
        source: a GeoTIFF, an image with `bounds` or a world file, or a folder of map tiles.
        encoder: encoder of the tiles; the drone must use the same model.
        out: folder of the map; new, empty, or with an interrupted build of the same map.
        options: tiles and storage of the map.
        bounds: west, south, east, north of the outer edges of an image, in `crs`.
        crs: coordinate reference system of the bounds (default EPSG:4326), or of a file without one.
        overwrite: whether to replace another map in `out`.
        progress: whether to show progress bars.
        notify: called with each note for the user, a sentence.

    Raises:
        RasterError: if the source cannot be read, has no georeference, or is smaller than a tile.
        MapError: if `out` holds other files, another process builds there, the disk is full, or no tile has
            enough valid pixels.
        ModelError: if the descriptors are not unit vectors.
    """
    out, options = Path(out), options or BuildOptions()
    with build_lock(out), open_raster(Path(source), bounds=bounds, crs=crs) as raster:
        plan = _plan(raster, encoder, options)
        recipe = make_recipe(raster, encoder.card, options)
        if begin(out, recipe, overwrite=overwrite):
            finish(out)
            notify(f"{out} already holds this map; it is not built again.")
            return open_map(out, encoder.card)
        for note in _notes(raster, encoder, plan):
            notify(note)
        _copy_picture(raster, out, options, progress=progress)
        with open_picture(out / RASTER, plan.frame) as picture:
            grid = plan.grid(picture.bounds_m, raster.pieces_m())
            store = TileStore(out, encoder.card.descriptor_size, options.min_valid)
            describe_tiles(picture, encoder, grid, store, batch_size=options.batch_size, progress=progress)
            tile_count = store.publish(grid)
            if tile_count < (1 - _SAID_LOSS) * len(grid):
                notify(_loss_note(raster, options, len(grid) - tile_count, len(grid)))
            _write_index(out, options, notify)
            _write_params(out, plan)
            write_manifest(out, _manifest(out, picture, plan, encoder, recipe, tile_count))
        finish(out)
    return open_map(out, encoder.card)


@dataclass(frozen=True)
class _Plan:
    """The parts of a build that depend on imagery and options."""

    name: str
    frame: LocalFrame
    view_size_m: float
    options: BuildOptions

    def grid(self, bounds_m: Four, pieces_m: Float64Array) -> NDArray[np.void]:
        overlap, scales = self.options.overlap, self.options.scales
        return tile_grid(self.frame, bounds_m, self.view_size_m, overlap, scales, pieces_m)


def _plan(raster: Raster, encoder: "Encoder", options: BuildOptions) -> _Plan:
    view_size_m = options.view_size_m or default_view_size_m(
        raster.bounds_m, encoder.card.input_px, encoder.card.gsd_range_m
    )
    plan = _Plan(raster.name, raster.frame, view_size_m, options)
    # Compute the grid before the long work, to refuse imagery that is smaller than a tile.
    plan.grid(raster.bounds_m, raster.pieces_m())
    return plan


def _notes(raster: Raster, encoder: "Encoder", plan: _Plan) -> list[str]:
    card = encoder.card
    notes = list(raster.notes)
    for scale in plan.options.scales:
        gsd_m = plan.view_size_m * scale / card.input_px
        finest, coarsest = card.gsd_range_m
        if not finest * 0.999 <= gsd_m <= coarsest * 1.001:
            notes.append(
                f"tiles of {plan.view_size_m * scale:g} m have {gsd_m:.2f} m per pixel, but {card.id} was "
                f"trained for {finest:g} to {coarsest:g} m; choose another --view-size for better accuracy."
            )
        if gsd_m < raster.gsd_m / COARSEST_IMAGERY:
            notes.append(
                f"tiles of {plan.view_size_m * scale:g} m need {gsd_m:.2f} m per pixel, but the imagery has "
                f"{raster.gsd_m:.2f} m, so tiles are blurred; choose a larger --view-size."
            )
    return notes


def _loss_note(raster: Raster, options: BuildOptions, lost: int, count: int) -> str:
    return (
        f"{lost} of {count} tiles ({lost / count:.0%}) are left out, because {raster.why_invalid()} makes "
        f"more than {1 - options.min_valid:.0%} of each transparent; there is no fix over them."
    )


def _copy_picture(raster: Raster, out: Path, options: BuildOptions, *, progress: bool) -> None:
    if not (out / RASTER).exists():
        gsd_m = options.gsd_m or raster.gsd_m
        write_picture(raster, out / RASTER, gsd_m, lossless=options.lossless, progress=progress)


def _write_index(out: Path, options: BuildOptions, notify: Callable[[str], None]) -> None:
    descriptors = np.load(out / DESCRIPTORS, mmap_mode="r", allow_pickle=False)
    if len(descriptors) <= options.approximate_above:
        return
    if not has_faiss():
        notify(
            f"FAISS is not installed, so every search compares all {len(descriptors)} tiles, which is slow; "
            "install faiss-cpu and build the map again with --overwrite."
        )
        return
    part = out / f"{INDEX}.part"
    write_hnsw(descriptors, part)
    part.replace(out / INDEX)


def _write_params(out: Path, plan: _Plan) -> None:
    parameters = {"/**": {"ros__parameters": {"view_size_m": float(plan.view_size_m)}}}
    text = _PARAMS_HEAD + yaml.safe_dump(parameters, sort_keys=False)
    (out / PARAMS).write_text(text, encoding="utf-8")


def _manifest(
    out: Path, picture: Raster, plan: _Plan, encoder: "Encoder", recipe: Recipe, tile_count: int
) -> Manifest:
    options, card = plan.options, encoder.card
    return Manifest(
        format_version=FORMAT_VERSION,
        geoloc_version=__version__,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        latitude_deg=plan.frame.latitude_deg,
        longitude_deg=plan.frame.longitude_deg,
        crs=plan.frame.proj,
        bounds_m=picture.bounds_m,
        bounds_deg=_bounds_deg(plan.frame, picture.bounds_m),
        gsd_m=picture.gsd_m,
        view_size_m=plan.view_size_m,
        pitch_m=pitch_m(picture.bounds_m, plan.view_size_m, options.overlap),
        overlap=options.overlap,
        scales=tuple(options.scales),
        min_valid=options.min_valid,
        tile_count=tile_count,
        descriptor_size=card.descriptor_size,
        model_id=card.id,
        model_sha256=card.sha256,
        recipe_sha256=recipe.sha256,
        imagery=replace(options.imagery, source=options.imagery.source or plan.name),
        files=_records(out),
    )


def _bounds_deg(frame: LocalFrame, bounds_m: Four) -> Four:
    """Return west, south, east, north; west is greater than east if the area lies across the antimeridian."""
    left, bottom, right, top = bounds_m
    latitude, longitude = frame.to_geodetic([left, left, right, right], [bottom, top, bottom, top])
    if np.ptp(longitude) > 180:
        longitude = longitude % 360
    west, east = float(np.min(longitude)), float(np.max(longitude))
    return west, float(np.min(latitude)), east - 360 if east > 180 else east, float(np.max(latitude))


def _records(out: Path) -> tuple[FileRecord, ...]:
    names = [*REQUIRED_FILES, INDEX] if (out / INDEX).exists() else REQUIRED_FILES
    return tuple(FileRecord(name, (out / name).stat().st_size, file_sha256(out / name)) for name in names)
