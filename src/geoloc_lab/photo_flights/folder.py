# SPDX-License-Identifier: Apache-2.0
"""Finds the flights in a folder: what of a flight lies where.

A flight has the map as a GeoTIFF and one of

- `images/` and a table `queries*.csv` with a row for each photo: the truth of a reconstruction;
- `images/` alone, whose photos carry position, attitude and height (DJI's XMP), or lie beside a log of the
  autopilot (`*.ulg`, `*.bin`);
- videos with their subtitles (`DJI_0001.MP4`, `DJI_0001.SRT`), in the folder or in its `images/`.

If the map was made from some of the photos, `independent.txt` names the other photos, one per line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from geoloc.errors import BagError
from geoloc_lab.flight_logs.logs import find_logs
from geoloc_lab.photo_flights.photos import FOREIGN_SUFFIXES, PHOTO_SUFFIXES

_IMAGES, _INDEPENDENT = "images", "independent.txt"
_VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".m4v")


@dataclass(frozen=True)
class FlightFolder:
    """The paths of a flight.

    Attributes:
        name: name of the folder.
        images: folder of the photos.
        queries: table of the photos; None if the photos say themselves where they were taken.
        map_image: GeoTIFF of the map.
        calibration: table of lenses, which may be missing.
        independent: list of photos that the map was not made from, which may be missing.
        videos: videos with subtitles beside them, instead of photos.
        logs: logs of the autopilot.
    """

    name: str
    images: Path
    queries: Path | None
    map_image: Path
    calibration: Path
    independent: Path
    videos: tuple[Path, ...] = ()
    logs: tuple[Path, ...] = ()


def find_flights(data: Path) -> list[FlightFolder]:
    """Return the flight folders in `data` and up to two levels below, sorted by path.

    Raises:
        BagError: if no flight is found, or a flight does not hold exactly one GeoTIFF.
    """
    below = (path for pattern in ("*", "*/*") for path in sorted(data.glob(pattern)))
    own = (path for path in below if path.name != _IMAGES)  # images/ belongs to its parent
    folders = [path for path in (data, *own) if path.is_dir()]
    flights = [flight for folder in folders for flight in _flights_of(data, folder)]
    if not flights:
        missing = "holds no flight" if data.is_dir() else "does not exist"
        raise BagError(
            f"{data} {missing}; give a folder of flights, each with images/ or videos, and one GeoTIFF of "
            f"the map (docs/real-flights.md).{_nearly(folders)} `make demo` needs no data."
        )
    return sorted(flights, key=lambda flight: (flight.map_image.parent, flight.queries or Path()))


def subtitles_of(video: Path) -> Path | None:
    """Return the subtitles beside a video, whose name differs in the suffix alone; None if there are none."""
    beside = (path for path in sorted(video.parent.iterdir()) if path.suffix.lower() == ".srt")
    return next((path for path in beside if path.stem.lower() == video.stem.lower()), None)


def photos_in(images: Path) -> list[Path]:
    """Return the pictures in a folder, also those of formats that cannot be read, sorted by name."""
    suffixes = PHOTO_SUFFIXES + FOREIGN_SUFFIXES
    return [path for path in sorted(images.iterdir()) if path.suffix.lower() in suffixes and path.is_file()]


def videos_in(*folders: Path) -> list[Path]:
    """Return the videos in folders, sorted by name."""
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _VIDEO_SUFFIXES and path.is_file()
    ]


def _flights_of(data: Path, folder: Path) -> Iterator[FlightFolder]:
    images = folder / _IMAGES
    logs = find_logs(folder, images)
    if images.is_dir():
        tables = sorted(folder.glob("queries*.csv"))
        for table in tables:
            yield _folder(data, folder, queries=table, logs=logs)
        if tables:
            return
        # Without a table, a folder of pictures is a flight if it has a log or a map.
        if any(path.suffix.lower() in PHOTO_SUFFIXES for path in photos_in(images)):
            if logs or len(_maps(folder)) == 1:
                yield _folder(data, folder, logs=logs)
            return
    videos = tuple(path for path in videos_in(folder, images) if subtitles_of(path) is not None)
    if videos:
        yield _folder(data, folder, videos=videos, logs=logs)


def _folder(
    data: Path,
    folder: Path,
    *,
    queries: Path | None = None,
    videos: tuple[Path, ...] = (),
    logs: tuple[Path, ...] = (),
) -> FlightFolder:
    maps = _maps(folder)
    if len(maps) != 1:
        raise BagError(f"{folder} holds {len(maps)} GeoTIFFs; put exactly one there, the map.")
    near = [base / "calibration" / "cameras.json" for base in (folder, *folder.parents[:2], data)]
    calibration = next((path for path in near if path.is_file()), near[-1])
    return FlightFolder(
        name=folder.resolve().name,
        images=folder / _IMAGES,
        queries=queries,
        map_image=maps[0],
        calibration=calibration,
        independent=folder / _INDEPENDENT,
        videos=videos,
        logs=logs,
    )


def _maps(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".tif", ".tiff")]


def _nearly(folders: Sequence[Path]) -> str:
    """Return a sentence on the first folder that lacks one thing to be a flight, else ""."""
    for folder in folders:
        images = folder / _IMAGES
        if images.is_dir() and photos_in(images):
            return f" {folder} has photos, but no map: it holds {len(_maps(folder))} GeoTIFFs."
        if videos := videos_in(folder, images):
            return f" {videos[0]} has no subtitles: copy {videos[0].stem}.SRT beside it."
    return ""
