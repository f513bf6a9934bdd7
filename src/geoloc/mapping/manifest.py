# SPDX-License-Identifier: Apache-2.0
"""`map.yaml`, the manifest of a map directory; nothing that it holds is trusted unchecked."""

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
    """Where the picture of the ground is from; free text, empty where unknown."""

    source: str = ""
    date: str = ""
    licence: str = ""


@dataclass(frozen=True)
class FileRecord:
    """A file of the map: its name inside the folder, size and SHA-256."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """Everything that `map.yaml` holds.

    Attributes:
        format_version: of the directory's layout.
        geoloc_version: of the program that built it.
        created: UTC time of building, ISO 8601.
        latitude_deg: WGS 84 latitude of the local frame's origin.
        longitude_deg: WGS 84 longitude of the local frame's origin.
        crs: the local frame as a PROJ string; raster and tiles are in it.
        bounds_m: left, bottom, right, top of the raster in the local frame.
        bounds_deg: west, south, east, north of the raster, WGS 84.
        gsd_m: metres per pixel of the raster.
        view_size_m: side of a tile of level 0, and of the view a camera frame becomes.
        pitch_m: largest step between neighbouring tile centres of level 0.
        overlap: share of a tile that its neighbour shows too, as asked for.
        scales: tile side of each level over `view_size_m`.
        min_valid: tiles with a smaller share of valid pixels were left out.
        tile_count: rows of the tiles and descriptors.
        descriptor_size: values of a descriptor.
        model_id: the model that described the tiles.
        model_sha256: of that model's weights.
        recipe_sha256: of source, model and options together: equal recipes make equal maps.
        imagery: where the picture is from.
        files: every file of the map but the manifest.
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
                raise ParameterError(f"{name} must be above 0, found {getattr(self, name)}")
        if not self.scales:
            raise ParameterError("scales must be a list of numbers, found none")
        empty = [record.name for record in self.files if record.size_bytes < 1]
        if empty:
            raise ParameterError(f"size_bytes of {', '.join(empty)} must be above 0")
        _ = self.frame

    @property
    def frame(self) -> LocalFrame:
        """The local frame of raster and tiles."""
        return LocalFrame(self.latitude_deg, self.longitude_deg)

    def file(self, name: str) -> FileRecord | None:
        """Return the record of a file, None if the map has none of that name."""
        return next((record for record in self.files if record.name == name), None)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `map.yaml` in one step: it is there whole, or not at all."""
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
    """Read and check `map.yaml`; the files it names are checked for place, not for content.

    Raises:
        MapError: if it is missing, of another format, incomplete, or names files outside its folder.
    """
    path = folder / MANIFEST
    data = read_mapping(path, MapError, "map manifest", _FIX)
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise MapError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}: build the map again."
        )
    known = part_for(Manifest, data) | {"files": _records(path, data.get("files"))}
    manifest = build(Manifest, known, MapError, where=str(path), fix=_FIX)
    for record in manifest.files:
        _check_inside(folder, record.name)
    missing = [name for name in REQUIRED_FILES if manifest.file(name) is None]
    if missing:
        raise MapError(f"{path} does not list {', '.join(missing)}: build the map again.")
    return manifest


def _records(path: Path, files: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - straight from YAML
    """Return the section `files`, which names each record, as the list that the manifest holds."""
    if not isinstance(files, dict) or not all(isinstance(entry, dict) for entry in files.values()):
        raise MapError(f"{path}: 'files' must be a mapping of names to records, found {files!r}; {_FIX}.")
    return [{"name": str(name), **entry} for name, entry in files.items()]


def _check_inside(folder: Path, name: str) -> None:
    pure = PurePath(name)
    home = folder.resolve()
    if pure.is_absolute() or ".." in pure.parts or not (home / pure).resolve().is_relative_to(home):
        raise MapError(
            f"{folder / MANIFEST} names {name!r}, which lies outside its folder: do not use this map."
        )
