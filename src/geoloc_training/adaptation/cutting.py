# SPDX-License-Identifier: Apache-2.0
"""Cuts a map and footage into the training images of a run; a rerun finds and reuses them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc.errors import ParameterError
from geoloc.mapping.grid import default_view_size_m
from geoloc.raster.views import open_raster
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.evaluation.run_settings import read_camera_settings
from geoloc_training.adaptation.footage import FootageOptions, FootageReport, cut_footage
from geoloc_training.adaptation.headings import HeadingSearch
from geoloc_training.adaptation.recordings import ReadingOptions, open_recording
from geoloc_training.adaptation.region import TileOptions, cut_tiles, step_cosine
from geoloc_training.adaptation.warping import Assumptions
from geoloc_training.checks import require
from geoloc_training.training.checkpoint import load_checkpoint

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_RECIPE = "cut.json"
_FORMAT = 1
_STEP = 0.25  # share of a view; a frame after a shorter displacement adds no information


@dataclass(frozen=True)
class Sources:
    """Map and footage of a region, and how to cut them.

    Attributes:
        map_image: GeoTIFF, image with bounds, or folder of map tiles.
        footage: bags, photo flights and folders of images.
        bounds: west, south, east and north edge of an image, in `crs`.
        crs: coordinate reference system of the bounds, or of a file that does not state one.
        view_size_m: side of a view on the ground; None for the choice of `geoloc map build`.
        overlap: overlap of neighbouring training tiles, as a share of a tile.
        every_s: interval between the frames used from a bag, seconds.
        assumed: substitutes for missing poses.
        topics: topic names, for bags in which the message types are ambiguous.
        params_files: ROS parameter files with the camera's mount and limits.
        calibration: table with the lens calibrations of photos.
    """

    map_image: Path
    footage: tuple[Path, ...]
    bounds: tuple[float, float, float, float] | None = None
    crs: str | None = None
    view_size_m: float | None = None
    overlap: float = 0.5
    every_s: float = 0.5
    assumed: Assumptions = field(default_factory=Assumptions)
    topics: Topics = field(default_factory=Topics)
    params_files: tuple[Path, ...] = ()
    calibration: Path | None = None

    def __post_init__(self) -> None:
        require(
            bool(self.footage), "there is no footage; give --footage BAG_OR_FOLDER, once or several times."
        )
        require(
            len(set(self.footage)) == len(self.footage),
            "--footage names a path twice; name each path once.",
        )
        require(0 <= self.overlap <= 0.9, f"--overlap is {self.overlap}; give 0 to 0.9, such as 0.5.")
        require(self.every_s >= 0, f"--every-s is {self.every_s}; give 0 for every frame, or more.")
        require(
            self.view_size_m is None or self.view_size_m > 0,
            f"--view-size is {self.view_size_m}; give a positive number of metres.",
        )


@dataclass(frozen=True)
class Cut:
    """Cut views of a region.

    Attributes:
        root: folder of the views, in the layout of `geoloc_training.datasets.region`.
        view_size_m: side of a view on the ground.
        tiles: number of tiles written.
        bare_tiles: number of tiles left out because they lack imagery.
        footage: counts of kept and rejected frames.
    """

    root: Path
    view_size_m: float
    tiles: int
    bare_tiles: int
    footage: FootageReport


def cut_region(sources: Sources, encoder: "Encoder", run: Path, *, progress: bool) -> Cut:
    """Cut map and footage into views, or reuse those of an earlier call.

    Args:
        sources: map and footage.
        encoder: initial encoder, which compares frames and gives the size of a view in pixels.
        run: folder of the run; the views are written to its folder `views`.
        progress: whether to show progress bars.

    Raises:
        RasterError: the map cannot be read, or is smaller than a tile.
        BagError: footage cannot be read, or has no usable frame.
        ParameterError: the run was trained on other data.
    """
    root = run / "views"
    recipe = _recipe(sources, encoder)
    found = _read(root / _RECIPE)
    if found is not None and found["recipe"] == recipe:
        return _cut(root, found["cut"])
    if load_checkpoint(run) is not None:
        raise ParameterError(
            f"{run} was trained with another map, footage, --init or other options; choose another --run or "
            "delete that folder."
        )
    fresh = run / "views.part"
    for folder in (root, fresh):
        shutil.rmtree(folder, ignore_errors=True)
    fresh.mkdir(parents=True)
    cut = _cut_into(fresh, sources, encoder, progress=progress)
    (fresh / _RECIPE).write_text(json.dumps({"recipe": recipe, "cut": cut}, indent=1), encoding="utf-8")
    fresh.rename(root)
    return _cut(root, cut)


def _cut_into(root: Path, sources: Sources, encoder: "Encoder", *, progress: bool) -> dict[str, Any]:
    size_px = encoder.card.input_px
    with open_raster(sources.map_image, bounds=sources.bounds, crs=sources.crs) as raster:
        view_size_m = sources.view_size_m or default_view_size_m(
            raster.bounds_m, size_px, encoder.card.gsd_range_m
        )
        # Open footage before the long work, so that unreadable footage is refused at once.
        camera = read_camera_settings(view_size_m, size_px, sources.params_files)
        reading = ReadingOptions(
            camera.rig, sources.assumed, sources.topics, sources.calibration, camera.rectified
        )
        recordings = [open_recording(path, reading) for path in sources.footage]
        options = TileOptions(view_size_m, size_px, sources.overlap)
        tiles, bare = cut_tiles(raster, options, root, progress=progress)
        alike = step_cosine(raster, options, encoder.describe, _STEP)
    wanted = FootageOptions(view_size_m, alike, sources.every_s)
    choose = HeadingSearch(encoder.describe, root / "tiles", size_px)
    footage = cut_footage(recordings, wanted, encoder.describe, choose, root, progress=progress)
    return {"view_size_m": view_size_m, "tiles": tiles, "bare_tiles": bare, "footage": asdict(footage)}


def _cut(root: Path, found: dict[str, Any]) -> Cut:
    return Cut(root, **{**found, "footage": FootageReport(**found["footage"])})


def _read(path: Path) -> dict[str, Any] | None:
    """Return the record of an earlier cut; None if there is none or it was interrupted."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _recipe(sources: Sources, encoder: "Encoder") -> dict[str, Any]:
    """Return everything that the views depend on, as plain values."""
    files = {str(path): _state(path) for path in (sources.map_image, *sources.footage)}
    options = {"format": _FORMAT, "model": encoder.card.sha256, "px": encoder.card.input_px, "files": files}
    plain: dict[str, Any] = json.loads(json.dumps(asdict(sources) | options, default=str))
    return plain


def _state(path: Path) -> list[str]:
    """Return name, size and modification time of a file, or of each file in a folder."""
    files: Sequence[Path] = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [f"{f.relative_to(path)} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files if f.is_file()]
