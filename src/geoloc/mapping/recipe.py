# SPDX-License-Identifier: Apache-2.0
"""The recipe of a map (source, model and options), and the state of the folder that it is built in."""

import fcntl
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc.checksums import file_sha256
from geoloc.errors import MapError, ParameterError
from geoloc.mapping.directory import PROGRESS
from geoloc.mapping.manifest import (
    DESCRIPTORS,
    FORMAT_VERSION,
    INDEX,
    MANIFEST,
    PARAMS,
    RASTER,
    TILES,
    Imagery,
    load_manifest,
)
from geoloc.raster.views import Raster

if TYPE_CHECKING:
    from geoloc.encoder.card import ModelCard

VALID_PART = "valid.part"
DESCRIPTORS_PART = "descriptors.part"
_OURS = (MANIFEST, TILES, DESCRIPTORS, INDEX, RASTER, PARAMS, PROGRESS, VALID_PART, DESCRIPTORS_PART)


@dataclass(frozen=True)
class BuildOptions:
    """Tiles and storage of a map.

    Attributes:
        view_size_m: side of a tile; None chooses one for imagery and encoder (`default_view_size_m`).
        overlap: share of a tile that its neighbour shows too, 0 to 0.9.
        scales: side of the tiles of each level, in units of `view_size_m`; the first is 1.
        gsd_m: metres per pixel of the map's raster; None takes those of the source.
        min_valid: smallest share of valid pixels of a tile; other tiles are left out.
        lossless: whether to compress the raster with deflate instead of JPEG.
        approximate_above: number of tiles above which an approximate index is built in addition.
        batch_size: number of tiles per inference; affects the speed, but not the map.
        imagery: origin of the imagery, for the manifest; an empty source becomes the name of the file.
    """

    view_size_m: float | None = None
    overlap: float = 0.75
    scales: Sequence[float] = (1.0,)
    gsd_m: float | None = None
    min_valid: float = 0.5
    lossless: bool = False
    approximate_above: int = 200_000
    batch_size: int = 32
    imagery: Imagery = field(default_factory=Imagery)

    def __post_init__(self) -> None:
        for name in ("view_size_m", "gsd_m"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise ParameterError(f"{name} is {value}; give a positive number of metres.")
        if not 0 <= self.overlap <= 0.9:
            raise ParameterError(f"overlap is {self.overlap}; give 0 to 0.9, such as 0.75.")
        if not 0 < self.min_valid <= 1:
            raise ParameterError(f"min_valid is {self.min_valid}; give a share above 0 and up to 1.")
        if not self.scales or self.scales[0] != 1 or any(not 0.1 <= scale <= 10 for scale in self.scales):
            raise ParameterError(
                f"scales are {tuple(self.scales)}; give factors of the view size from 0.1 to 10, 1 first."
            )
        if len(set(self.scales)) != len(self.scales):
            raise ParameterError(f"scales are {tuple(self.scales)}; give each one once.")
        if self.batch_size < 1 or self.approximate_above < 1:
            raise ParameterError(
                f"batch_size is {self.batch_size} and approximate_above {self.approximate_above}; "
                "give at least 1."
            )


@dataclass(frozen=True)
class Recipe:
    """Source, model and options as plain values; equal recipes result in equal maps."""

    parts: dict[str, Any]

    @property
    def sha256(self) -> str:
        """SHA-256 of the recipe."""
        return hashlib.sha256(json.dumps(self.parts, sort_keys=True).encode()).hexdigest()


def make_recipe(raster: Raster, card: "ModelCard", options: BuildOptions) -> Recipe:
    """Return the recipe of a map; reads the whole source of the raster to compute its checksum."""
    parts = {key: value for key, value in asdict(options).items() if key != "batch_size"}
    parts |= {
        "format": FORMAT_VERSION,
        "source": _fingerprint(raster.path),
        "place": [raster.frame.latitude_deg, raster.frame.longitude_deg, *raster.bounds_m],
        "model": card.sha256,
        "input_px": card.input_px,
    }
    # Through JSON and back, so that it equals a recipe that is read from disk.
    return Recipe(json.loads(json.dumps(parts)))


@contextmanager
def build_lock(out: Path) -> Iterator[None]:
    """Lock a folder against other processes that build a map in it.

    Raises:
        MapError: if another process holds the lock, or the lock file cannot be written.
    """
    path = out.absolute().with_name(f".{out.absolute().name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise MapError(f"{path.parent} cannot be written ({error}); give another folder.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MapError(
                f"{out} is being built by another process; wait for it, or give another folder."
            ) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def begin(out: Path, recipe: Recipe, *, overwrite: bool) -> bool:
    """Prepare a folder for a build, and keep the work of an interrupted build of the same recipe.

    Args:
        out: folder of the map.
        recipe: recipe of the map to build.
        overwrite: delete another map or half-built map in the folder.

    Returns:
        True if the folder already holds this map, complete.

    Raises:
        MapError: if the folder holds another map, or other files.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        entries = {path.name for path in out.iterdir()}
    except OSError as error:
        raise MapError(
            f"{out} cannot be used as a map folder ({error.strerror}); choose another folder with --out."
        ) from error
    if entries and not entries & {MANIFEST, PROGRESS}:
        raise MapError(f"{out} is neither empty nor a map; choose another folder with --out.")
    if overwrite:
        _clear(out)
    elif MANIFEST in entries:
        _check_same_map(out, recipe)
        return True
    elif PROGRESS in entries:
        _check_same_progress(out, recipe)
        return False
    _write_progress(out, recipe)
    return False


def finish(out: Path) -> None:
    """Remove the files that only an unfinished build needs."""
    for name in (PROGRESS, VALID_PART, DESCRIPTORS_PART):
        (out / name).unlink(missing_ok=True)


def _fingerprint(source: Path) -> str:
    if source.is_file():
        return file_sha256(source)
    digest = hashlib.sha256()
    for path in sorted(source.rglob("*")):
        status = path.stat()
        digest.update(f"{path.relative_to(source)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _clear(out: Path) -> None:
    for name in _OURS:
        (out / name).unlink(missing_ok=True)


def _write_progress(out: Path, recipe: Recipe) -> None:
    part = out / f"{PROGRESS}.part"
    part.write_text(json.dumps(recipe.parts, indent=1), encoding="utf-8")
    part.replace(out / PROGRESS)


def _check_same_map(out: Path, recipe: Recipe) -> None:
    if load_manifest(out).recipe_sha256 != recipe.sha256:
        raise MapError(
            f"{out} holds a map of another source, another model or other options; choose another --out, or "
            "replace it with --overwrite."
        )


def _check_same_progress(out: Path, recipe: Recipe) -> None:
    path = out / PROGRESS
    try:
        begun = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MapError(f"{path} is damaged; start again with --overwrite.") from error
    if not isinstance(begun, dict):
        raise MapError(f"{path} is damaged; start again with --overwrite.")
    changed = [key for key, value in recipe.parts.items() if begun.get(key) != value]
    if changed:
        raise MapError(
            f"{out} holds a half-built map that differs in {', '.join(changed)}; finish it with the same "
            "source, model and options, or start again with --overwrite."
        )
