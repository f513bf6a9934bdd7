# SPDX-License-Identifier: Apache-2.0
"""From a map and footage to the folder that is learnt from; cut once, found again by a rerun."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc.errors import ParameterError
from geoloc.mapping.grid import default_view_size_m
from geoloc.raster.views import open_raster
from geoloc_lab.bags.reading import Topics
from geoloc_lab.evaluation.run_settings import read_rig_settings
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
_STEP = 0.25  # of a view: a frame that has moved less adds nothing


@dataclass(frozen=True)
class Sources:
    """What a region is learnt from.

    Attributes:
        map_image: GeoTIFF, picture with bounds, or folder of XYZ tiles.
        footage: bags, photo flights and folders of pictures.
        bounds: west, south, east, north of a picture.
        crs: reference system of the bounds, or of a file that names none.
        view_size_m: side of a view on the ground; None as `geoloc map build` chooses it.
        overlap: of the tiles that are learnt from.
        every_s: seconds between the frames of a bag that are looked at.
        assumed: what stands in for poses that footage lacks.
        topics: names, where a bag's types do not decide.
        params_files: ROS parameter files with the camera's mount and limits.
        calibration: table of the lenses of photos.
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
            bool(self.footage), "there is no footage: give --footage BAG_OR_FOLDER, once or several times."
        )
        require(len(set(self.footage)) == len(self.footage), "--footage names something twice; name it once.")
        require(0 <= self.overlap <= 0.9, f"--overlap is {self.overlap}: give 0 to 0.9, 0.5 is usual.")
        require(self.every_s >= 0, f"--every-s is {self.every_s}: give 0 for all frames, or more.")
        require(
            self.view_size_m is None or self.view_size_m > 0,
            f"--view-size is {self.view_size_m}: give a positive number of metres.",
        )


@dataclass(frozen=True)
class Cut:
    """What lies in the folder.

    Attributes:
        root: folder, as `geoloc_training.datasets.region` describes it.
        view_size_m: side of a view on the ground.
        tiles: pictures of the map.
        bare_tiles: tiles left out for want of imagery.
        footage: what became of the frames.
    """

    root: Path
    view_size_m: float
    tiles: int
    bare_tiles: int
    footage: FootageReport


def cut_region(sources: Sources, encoder: "Encoder", run: Path, *, progress: bool) -> Cut:
    """Cut map and footage into the pictures of a run, or find them cut.

    Args:
        sources: what to cut.
        encoder: tells views apart, and says how large they are.
        run: folder of the run; the pictures go to its folder `views`.
        progress: whether to show bars.

    Raises:
        RasterError: the map cannot be read, or is smaller than a tile.
        BagError: footage cannot be read, or has no frame that can be used.
        ParameterError: the run has learnt from something else.
    """
    root = run / "views"
    recipe = _recipe(sources, encoder)
    found = _read(root / _RECIPE)
    if found is not None and found["recipe"] == recipe:
        return _cut(root, found["cut"])
    if load_checkpoint(run) is not None:
        raise ParameterError(
            f"{run} has learnt from another map, footage, --init or other options; name another --run, or "
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
        # Opened before the long work, so that footage that cannot be read is refused at once.
        rig = read_rig_settings(view_size_m, size_px, sources.params_files)
        reading = ReadingOptions(rig, sources.assumed, sources.topics, sources.calibration)
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
    """Return what was cut, None where nothing was, or not to the end."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _recipe(sources: Sources, encoder: "Encoder") -> dict[str, Any]:
    """Return what the pictures depend on, as plain values."""
    files = {str(path): _state(path) for path in (sources.map_image, *sources.footage)}
    options = {"format": _FORMAT, "model": encoder.card.sha256, "px": encoder.card.input_px, "files": files}
    plain: dict[str, Any] = json.loads(json.dumps(asdict(sources) | options, default=str))
    return plain


def _state(path: Path) -> list[str]:
    """Return names, sizes and times of a file, or of all that lies in a folder."""
    files: Sequence[Path] = sorted(path.rglob("*")) if path.is_dir() else [path]
    return [f"{f.relative_to(path)} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files if f.is_file()]
