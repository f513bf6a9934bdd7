# SPDX-License-Identifier: Apache-2.0
"""`map.yaml`, the manifest of a map directory: write it, and read it with a check of every value."""

from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from geoloc.errors import MapError, ParameterError
from geoloc.geodesy import LocalFrame
from geoloc.typed import build, part_for, read_mapping

FORMAT_VERSION = 1
MANIFEST = "map.yaml"
TILES = "tiles.npy"
DESCRIPTORS = "descriptors.npy"
INDEX = "index.faiss"
RASTER = "raster.tif"
PARAMS = "params.yaml"
REQUIRED_FILES = (TILES, DESCRIPTORS, RASTER, PARAMS)

_FIX = "build the map again"
_HEAD = "# A geoloc map: `geoloc map inspect` prints it, `geoloc map verify` checks every file.\n"

Four = tuple[float, float, float, float]


@dataclass(frozen=True)
class Imagery:
    """Origin of the imagery, as free text; empty if unknown."""

    source: str = ""
    date: str = ""
    licence: str = ""


@dataclass(frozen=True)
class FileRecord:
    """A file of the map: name inside the folder, size and SHA-256."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Contents of `map.yaml`.

    Attributes:
        format_version: version of the directory's format.
        geoloc_version: version of geoloc that built the map.
        created: UTC time of the build, ISO 8601.
        latitude_deg: WGS 84 latitude of the local frame's origin.
        longitude_deg: WGS 84 longitude of the local frame's origin.
        crs: PROJ string of the local frame of raster and tiles.
        bounds_m: left, bottom, right, top of the raster in the local frame.
        bounds_deg: west, south, east, north of the raster, WGS 84; west is greater than east across 180°.
        gsd_m: metres per pixel of the raster.
        view_size_m: side of the tiles of level 0, and of the views that are looked up.
        pitch_m: largest distance between the centres of neighbouring tiles of level 0.
        overlap: nominal share of a tile that its neighbour shows too.
        scales: side of the tiles of each level, in units of `view_size_m`.
        min_valid: smallest share of valid pixels of a tile; other tiles were left out.
        tile_count: number of tiles.
        descriptor_size: number of values of a descriptor.
        model_id: id of the model that computed the descriptors.
        model_sha256: SHA-256 of the weights of this model.
        recipe_sha256: SHA-256 of source, model and options; equal recipes result in equal maps.
        imagery: origin of the imagery.
        files: all files of the map except the manifest.
    """

    format_version: int
    geoloc_version: str
    created: str
    latitude_deg: float
    longitude_deg: float
    crs: str
    bounds_m: Four
    bounds_deg: Four
    gsd_m: float
    view_size_m: float
    pitch_m: float
    overlap: float
    scales: tuple[float, ...]
    min_valid: float
    tile_count: int
    descriptor_size: int
    model_id: str
    model_sha256: str
    recipe_sha256: str
    imagery: Imagery
    files: tuple[FileRecord, ...]

    def __post_init__(self) -> None:
        for name in ("gsd_m", "view_size_m", "pitch_m", "tile_count", "descriptor_size"):
            if getattr(self, name) <= 0:
                raise ParameterError(f"{name} must be above 0, found {getattr(self, name)}.")
        if not self.scales:
            raise ParameterError("scales must be a list of numbers, found an empty list.")
        empty = [record.name for record in self.files if record.size_bytes < 1]
        if empty:
            raise ParameterError(f"size_bytes of {', '.join(empty)} must be above 0.")
        _ = self.frame

    @property
    def frame(self) -> LocalFrame:
        """Local frame of raster and tiles."""
        return LocalFrame(self.latitude_deg, self.longitude_deg)

    def file(self, name: str) -> FileRecord | None:
        """Return the record of a file; None if the map has no file of this name."""
        return next((record for record in self.files if record.name == name), None)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `map.yaml` atomically."""
    data = asdict(manifest)
    data["files"] = {
        record.name: {"size_bytes": record.size_bytes, "sha256": record.sha256} for record in manifest.files
    }
    for key in ("bounds_m", "bounds_deg", "scales"):
        data[key] = list(data[key])
    part = folder / f"{MANIFEST}.part"
    part.write_text(_HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    part.replace(folder / MANIFEST)


def load_manifest(folder: Path) -> Manifest:
    """Read `map.yaml`; check its values and that its files lie inside the folder, but not their contents.

    Raises:
        MapError: if it is missing, of another format, incomplete, or lists files outside its folder.
    """
    path = folder / MANIFEST
    data = read_mapping(path, MapError, "map manifest", _FIX)
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise MapError(
            f"{path} has format {version!r}, but this geoloc reads format {FORMAT_VERSION}; {_FIX}."
        )
    known = part_for(Manifest, data) | {"files": _records(path, data.get("files"))}
    manifest = build(Manifest, known, MapError, where=str(path), fix=_FIX)
    for record in manifest.files:
        _check_inside(folder, record.name)
    missing = [name for name in REQUIRED_FILES if manifest.file(name) is None]
    if missing:
        raise MapError(f"{path} does not list {', '.join(missing)}; build the map again.")
    return manifest


def _records(path: Path, files: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - straight from YAML
    """Return the section `files`, a mapping by name, as a list of records."""
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise MapError(f"{path}: 'files' is {files!r}, not a mapping of names to records; {_FIX}.")
    return [{"name": str(name), **entry} for name, entry in files.items()]


def _check_inside(folder: Path, name: str) -> None:
    pure = PurePath(name)
    home = folder.resolve()
    if pure.is_absolute() or ".." in pure.parts or not (home / pure).resolve().is_relative_to(home):
        raise MapError(
            f"{folder / MANIFEST} lists {name!r}, which lies outside its folder; do not use this map."
        )
