# SPDX-License-Identifier: Apache-2.0
"""Reads a flight of photos from its folder: for each photo its time, lens, attitude, height and truth.

The folder holds `images/`, the map as a GeoTIFF, and a table `queries*.csv` with a row for each photo. Its
columns are `file`, `cam_lat`, `cam_lon`, `agl_m`, `pitch_deg`, `image_up_azimuth_deg`, `footprint_center_lat`
and `footprint_center_lon`. Attitude and height come from the photo's header if it carries them (DJI's XMP),
otherwise from the table, which a reconstruction has computed. The table's position is used as truth only.

If the map was made from some of the photos, `independent.txt` names the other photos, one per line.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from geoloc import geodesy
from geoloc.arrays import Float64Array
from geoloc.camera.lens import Intrinsics
from geoloc.errors import BagError
from geoloc_lab.csv_table import read_rows
from geoloc_lab.photo_flights.attitude import aimed_rotation, body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.cameras import Cameras, lens_of, read_calibration
from geoloc_lab.photo_flights.photos import Photo, read_photo, stamps_ns

_INDEPENDENT = "independent.txt"
_COLUMNS = (
    "file",
    "cam_lat",
    "cam_lon",
    "agl_m",
    "pitch_deg",
    "image_up_azimuth_deg",
    "footprint_center_lat",
    "footprint_center_lon",
)


@dataclass(frozen=True)
class FlightFolder:
    """The paths of a photo flight; the file `independent` is optional."""

    name: str
    images: Path
    queries: Path
    map_image: Path
    calibration: Path
    independent: Path


@dataclass(frozen=True)
class PhotoFrame:
    """A photo and the data that the bag records with it.

    Attributes:
        photo: the file and its header.
        stamp_ns: time of exposure.
        intrinsics: lens of the camera.
        quaternion: rotation (x, y, z, w) from body to east, north, up. The body is one in which the camera is
            mounted as `NADIR_MOUNT_RPY_DEG` says: straight down, top of the image forward.
        height_m: height above ground that the localizer is given.
        truth_latitude_deg, truth_longitude_deg: true position of the camera.
    """

    photo: Photo
    stamp_ns: int
    intrinsics: Intrinsics
    quaternion: tuple[float, float, float, float]
    height_m: float
    truth_latitude_deg: float
    truth_longitude_deg: float


@dataclass(frozen=True)
class PhotoFlight:
    """A flight of photos, ready to be written as a bag.

    Attributes:
        folder: paths that the flight was read from.
        frames: photos in stamp order.
        notes: sources of attitude, height and truth, and corrections, for the report.
        independent_ns: stamps of the photos named in independent.txt; empty without that file.
    """

    folder: FlightFolder
    frames: tuple[PhotoFrame, ...]
    notes: Mapping[str, str]
    independent_ns: frozenset[int]


def find_flights(data: Path) -> list[FlightFolder]:
    """Return the flight folders in `data` and up to two levels below, sorted by path.

    Raises:
        BagError: if no flight is found, or a flight does not hold exactly one GeoTIFF.
    """
    tables = sorted(
        {*data.glob("queries*.csv"), *data.glob("*/queries*.csv"), *data.glob("*/*/queries*.csv")}
    )
    flights = [_folder(data, table) for table in tables if (table.parent / "images").is_dir()]
    if not flights:
        missing = "holds no flight" if data.is_dir() else "does not exist"
        raise BagError(
            f"{data} {missing}; give a folder of flights, each with images/, queries*.csv and one GeoTIFF of "
            "the map (docs/real-flights.md). `make demo` needs no data."
        )
    return flights


def read_photo_flight(folder: FlightFolder) -> PhotoFlight:
    """Read the photos, the table and the lens calibrations of a flight.

    Raises:
        BagError: for a missing photo, column, number or calibration, or an independent photo that the table
            does not list.
    """
    rows = _read_table(folder.queries)
    photos = [read_photo(folder.images / row["file"]) for row in rows]
    cameras = read_calibration(folder.calibration)
    turns_deg = [_turned_deg(photo, row) for photo, row in zip(photos, rows, strict=True)]
    frames = [
        _frame(photo, row, stamp, turn_deg, cameras, folder.calibration)
        for photo, row, stamp, turn_deg in zip(photos, rows, stamps_ns(photos), turns_deg, strict=True)
    ]
    independent = _independent_photos(folder, rows)
    return PhotoFlight(
        folder=folder,
        frames=tuple(sorted(frames, key=lambda frame: frame.stamp_ns)),
        notes=_notes(folder, photos, turns_deg),
        independent_ns=frozenset(frame.stamp_ns for frame in frames if frame.photo.path.name in independent),
    )


def _folder(data: Path, table: Path) -> FlightFolder:
    maps = sorted(table.parent.glob("*.tif")) + sorted(table.parent.glob("*.tiff"))
    if len(maps) != 1:
        raise BagError(f"{table.parent} holds {len(maps)} GeoTIFFs; put exactly one there, the map.")
    near = [
        folder / "calibration" / "cameras.json" for folder in (table.parent, *table.parent.parents[:2], data)
    ]
    calibration = next((path for path in near if path.is_file()), near[-1])
    return FlightFolder(
        name=table.parent.name,
        images=table.parent / "images",
        queries=table,
        map_image=maps[0],
        calibration=calibration,
        independent=table.parent / _INDEPENDENT,
    )


def _read_table(path: Path) -> list[dict[str, str]]:
    rows = read_rows(path, "table of photos")
    missing = [column for column in _COLUMNS if not rows or column not in rows[0]]
    if missing:
        raise BagError(
            f"{path} lacks {', '.join(missing)}; add the columns that `geoloc flight --help` lists."
        )
    return rows


def _independent_photos(folder: FlightFolder, rows: Sequence[Mapping[str, str]]) -> frozenset[str]:
    """Return the photo names in independent.txt; an empty set if the flight has no such file."""
    if not folder.independent.is_file():
        return frozenset()
    try:
        lines = folder.independent.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BagError(
            f"{folder.independent} cannot be read as a list of photos ({error}); write one name per line."
        ) from error
    names = frozenset(line.strip() for line in lines if line.strip())
    unknown = sorted(names - {Path(row["file"]).name for row in rows})
    if unknown:
        raise BagError(
            f"{folder.independent} names {', '.join(unknown)}, which {folder.queries.name} does not list; "
            "write the names of the photos that the map was not made from, one per line."
        )
    return names


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (TypeError, ValueError) as error:
        raise BagError(
            f"{row['file']}: {column} is {row[column]!r}, not a number; correct it in the table of photos."
        ) from error
    if not math.isfinite(value):
        raise BagError(f"{row['file']}: {column} is {value}; give a finite number in the table of photos.")
    return value


def _turned_deg(photo: Photo, row: Mapping[str, str]) -> float:
    """Return the angle by which the file was rotated after exposure: 0, 90, 180 or 270 degrees clockwise.

    Viewers that rotate images leave the recorded gimbal angles unchanged. The reconstruction used the rotated
    file, so its bearing of the top of the image reveals the rotation, to the nearest quarter turn.
    """
    if photo.gimbal is None:
        return 0.0
    between = photo.gimbal.yaw_deg - _number(row, "image_up_azimuth_deg")
    return float(round(between / 90.0) * 90 % 360)


def _frame(
    photo: Photo,
    row: Mapping[str, str],
    stamp_ns: int,
    turn_deg: float,
    cameras: Cameras,
    calibration: Path,
) -> PhotoFrame:
    height_m = photo.height_above_takeoff_m if photo.gimbal else None
    return PhotoFrame(
        photo=photo,
        stamp_ns=stamp_ns,
        intrinsics=lens_of(photo, cameras, calibration),
        quaternion=body_quaternion(_attitude(photo, row, turn_deg)),
        height_m=_number(row, "agl_m") if height_m is None else height_m,
        truth_latitude_deg=_number(row, "cam_lat"),
        truth_longitude_deg=_number(row, "cam_lon"),
    )


def _attitude(photo: Photo, row: Mapping[str, str], turn_deg: float) -> Float64Array:
    if photo.gimbal is not None:
        turned = Rotation.from_euler("z", -turn_deg, degrees=True).as_matrix()
        return np.asarray(gimbal_rotation(photo.gimbal) @ turned)
    camera = _number(row, "cam_lat"), _number(row, "cam_lon")
    aim = _number(row, "footprint_center_lat"), _number(row, "footprint_center_lon")
    east_m, north_m = geodesy.offset_m(*camera, *aim)
    azimuth_deg = math.degrees(math.atan2(float(east_m), float(north_m)))
    return aimed_rotation(_number(row, "pitch_deg"), azimuth_deg, _number(row, "image_up_azimuth_deg"))


def _notes(folder: FlightFolder, photos: Sequence[Photo], turns_deg: Sequence[float]) -> dict[str, str]:
    onboard = all(photo.gimbal is not None for photo in photos)
    measured = "measured on board: DJI gimbal angles, and height above take-off as height above ground"
    notes = {
        "attitude and height": measured if onboard else f"from the reconstruction in {folder.queries.name}",
        "truth": f"camera positions from the reconstruction in {folder.queries.name}",
    }
    turned = [photo.path.name for photo, turn in zip(photos, turns_deg, strict=True) if turn]
    if turned:
        notes["turned pictures"] = (
            f"{', '.join(turned)} were rotated by other software after they were taken; "
            "their gimbal angles are rotated by the same angle"
        )
    return notes
