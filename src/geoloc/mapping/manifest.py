# SPDX-License-Identifier: Apache-2.0
"""`map.yaml`: what a map directory says about itself, written and read without trusting it."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

import yaml

from geoloc.errors import MapError, ParameterError
from geoloc.geodesy import LocalFrame

FORMAT_VERSION = 1
MANIFEST = "map.yaml"
TILES = "tiles.npy"
DESCRIPTORS = "descriptors.npy"
INDEX = "index.faiss"
RASTER = "raster.tif"
PARAMS = "params.yaml"
REQUIRED_FILES = (TILES, DESCRIPTORS, RASTER, PARAMS)

_MAX_MANIFEST_BYTES = 1_000_000
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
    data = _read_yaml(path)
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise MapError(
            f"{path} has format version {version}, this program reads {FORMAT_VERSION}: build the map again."
        )
    try:
        manifest = _manifest(_Reader(path, data))
        _ = manifest.frame
    except ParameterError as error:
        raise MapError(f"{path}: {error}") from error
    for record in manifest.files:
        _check_inside(folder, record.name)
    missing = [name for name in REQUIRED_FILES if manifest.file(name) is None]
    if missing:
        raise MapError(f"{path} does not list {', '.join(missing)}: build the map again.")
    return manifest


def _read_yaml(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > _MAX_MANIFEST_BYTES:
            raise MapError(f"{path} is larger than any map manifest: it is not one.")
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MapError(f"{path} is damaged (not YAML): build the map again.") from error
    except OSError as error:
        raise MapError(f"{path} cannot be read ({error.strerror}).") from error
    if not isinstance(data, dict):
        raise MapError(f"{path} is not a map manifest: it holds no keys. Build the map again.")
    return data


def _manifest(read: "_Reader") -> Manifest:
    imagery = read.section("imagery")
    files = read.section("files")
    return Manifest(
        format_version=FORMAT_VERSION,
        geoloc_version=read.text("geoloc_version"),
        created=read.text("created"),
        latitude_deg=read.number("latitude_deg"),
        longitude_deg=read.number("longitude_deg"),
        crs=read.text("crs"),
        bounds_m=read.four("bounds_m"),
        bounds_deg=read.four("bounds_deg"),
        gsd_m=read.positive("gsd_m"),
        view_size_m=read.positive("view_size_m"),
        pitch_m=read.positive("pitch_m"),
        overlap=read.number("overlap"),
        scales=read.numbers("scales"),
        min_valid=read.number("min_valid"),
        tile_count=read.count("tile_count"),
        descriptor_size=read.count("descriptor_size"),
        model_id=read.text("model_id"),
        model_sha256=read.text("model_sha256"),
        recipe_sha256=read.text("recipe_sha256"),
        imagery=Imagery(imagery.text("source"), imagery.text("date"), imagery.text("licence")),
        files=tuple(_file_record(name, files.section(name)) for name in files.names()),
    )


def _file_record(name: str, read: "_Reader") -> FileRecord:
    return FileRecord(name, read.count("size_bytes"), read.text("sha256"))


def _check_inside(folder: Path, name: str) -> None:
    pure = PurePath(name)
    home = folder.resolve()
    if pure.is_absolute() or ".." in pure.parts or not (home / pure).resolve().is_relative_to(home):
        raise MapError(
            f"{folder / MANIFEST} names {name!r}, which lies outside its folder: do not use this map."
        )


@dataclass(frozen=True)
class _Reader:
    """Typed access to a mapping from a file; every complaint names the file and the key."""

    path: Path
    data: Mapping[str, Any]

    def names(self) -> list[str]:
        return [str(key) for key in self.data]

    def section(self, key: str) -> "_Reader":
        value = self.data.get(key)
        if not isinstance(value, dict):
            raise self._error(key, "a section", value)
        return _Reader(self.path, value)

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if not isinstance(value, str):
            raise self._error(key, "text", value)
        return value

    def number(self, key: str) -> float:
        return self._finite(key, self.data.get(key))

    def positive(self, key: str) -> float:
        value = self.number(key)
        if value <= 0:
            raise self._error(key, "a positive number", value)
        return value

    def count(self, key: str) -> int:
        value = self.data.get(key)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise self._error(key, "a whole number above 0", value)
        return value

    def numbers(self, key: str) -> tuple[float, ...]:
        values = self.data.get(key)
        if not isinstance(values, list) or not values:
            raise self._error(key, "a list of numbers", values)
        return tuple(self._finite(key, value) for value in values)

    def four(self, key: str) -> Four:
        values = self.numbers(key)
        if len(values) != 4:
            raise self._error(key, "four numbers", values)
        return values[0], values[1], values[2], values[3]

    def _finite(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._error(key, "a number", value)
        return float(value)

    def _error(self, key: str, wanted: str, value: object) -> MapError:
        return MapError(f"{self.path}: {key} should be {wanted}, it is {value!r}: build the map again.")
