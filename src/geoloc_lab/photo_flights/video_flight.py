# SPDX-License-Identifier: Apache-2.0
"""Reads a flight from videos of DJI's drones and their subtitles: frames, positions, heights and angles.

Few drones write the gimbal's angles into the subtitles. Without them the camera is taken to look straight
down with an unknown heading.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import cv2
import numpy as np
import rasterio
import rasterio.warp
from rasterio.errors import RasterioError

from geoloc.arrays import UInt8Array
from geoloc.errors import BagError
from geoloc_lab.photo_flights.cameras import LensTable
from geoloc_lab.photo_flights.folder import FlightFolder, subtitles_of, videos_in
from geoloc_lab.photo_flights.frames import PhotoFlight, PhotoFrame
from geoloc_lab.photo_flights.headings import corrected_headings
from geoloc_lab.photo_flights.photos import Gimbal, Photo, stamps_ns
from geoloc_lab.photo_flights.poses import pose_of
from geoloc_lab.photo_flights.remarks import grouped
from geoloc_lab.photo_flights.subtitles import Subtitle, Subtitles, read_subtitles

EVERY_S = 1.0
"""Time between the frames that are taken from a video."""
_DOWN = Gimbal(0.0, -90.0, 0.0)
_UNDATED = datetime(2000, 1, 1, tzinfo=timezone.utc)
_JPEG_QUALITY = 95
_NEAR_MAP_DEG = 0.05


@dataclass(frozen=True)
class _Clip:
    video: Path
    subtitles: Subtitles
    started: datetime


def read_video_flight(folder: FlightFolder, frames_to: Path, every_s: float = EVERY_S) -> PhotoFlight:
    """Read the videos of a flight, and write a frame for every `every_s` seconds into `frames_to`.

    Raises:
        BagError: if a video or its subtitles cannot be read, no lens is known, or no frame has a position.
    """
    remarks: list[str] = []
    map_bounds_deg = _bounds_deg(folder.map_image)
    clips = [_ordered(clip, map_bounds_deg, remarks) for clip in _clips(folder)]
    photos = [photo for clip in clips for photo in _photos(clip, frames_to, every_s, remarks)]
    heading_known = all(photo.gimbal is not None for photo in photos)
    if not heading_known:
        remarks.append(
            "the subtitles have no gimbal angles; the camera is taken to look straight down, and every "
            "heading is tried. Set --heading-error and --attitude-error if you know better."
        )
    headings = corrected_headings(photos)
    lenses = LensTable(folder.calibration, of_one_camera=True)
    frames = []
    left_out: list[tuple[Path, str]] = []
    for photo, stamp_ns in zip(headings.photos, stamps_ns(headings.photos), strict=True):
        try:
            pose = pose_of(replace(photo, gimbal=photo.gimbal or _DOWN), None, None)
            frames.append(PhotoFrame.of(photo, stamp_ns, lenses.lens_of(photo), pose))
        except BagError as error:
            left_out.append((photo.path, str(error)))
    if not frames:
        raise BagError(left_out[0][1] if left_out else f"{clips[0].video} has no frame with a position.")
    return PhotoFlight(
        folder=folder,
        frames=tuple(sorted(frames, key=lambda frame: frame.stamp_ns)),
        notes=_notes(clips, heading_known, every_s),
        independent_ns=frozenset(),
        remarks=(
            *remarks,
            *_unused(folder),
            *headings.remarks,
            *lenses.remarks,
            *grouped(left_out, "left out"),
        ),
        errors=({} if heading_known else {"heading_error_deg": 180.0}) | lenses.errors,
    )


def _clips(folder: FlightFolder) -> list[_Clip]:
    clips = []
    next_start = _UNDATED
    for video in folder.videos:
        path = subtitles_of(video)
        if path is None:
            raise BagError(f"{video} has no subtitles; copy {video.stem}.SRT beside it.")
        subtitles = read_subtitles(path)
        started = subtitles.started or next_start
        clips.append(_Clip(video, subtitles, started))
        next_start = started + timedelta(seconds=math.ceil(subtitles.moments[-1].time_s) + 60)
    return clips


def _ordered(clip: _Clip, map_bounds_deg: tuple[float, float, float, float], remarks: list[str]) -> _Clip:
    """Return the clip with latitude and longitude exchanged if only this puts it onto the map."""
    west, south, east, north = map_bounds_deg
    places = [moment.position_deg for moment in clip.subtitles.moments if moment.position_deg is not None]

    def on_map(first: float, second: float) -> bool:
        return (
            south - _NEAR_MAP_DEG <= first <= north + _NEAR_MAP_DEG
            and west - _NEAR_MAP_DEG <= second <= east + _NEAR_MAP_DEG
        )

    as_read = sum(on_map(latitude, longitude) for latitude, longitude in places)
    exchanged = sum(on_map(longitude, latitude) for latitude, longitude in places)
    if as_read or not exchanged:
        return clip
    remarks.append(
        f"{clip.subtitles.path.name} has latitude and longitude the other way round: so they lie on the map."
    )
    moments = tuple(
        replace(moment, position_deg=moment.position_deg and moment.position_deg[::-1])
        for moment in clip.subtitles.moments
    )
    return replace(clip, subtitles=replace(clip.subtitles, moments=moments))


def _bounds_deg(path: Path) -> tuple[float, float, float, float]:
    """Return west, south, east, north of the map's image; the whole Earth if it has no reference system."""
    try:
        with rasterio.open(path) as image:
            if image.crs is not None:
                west, south, east, north = rasterio.warp.transform_bounds(
                    image.crs, "EPSG:4326", *image.bounds
                )
                return west, south, east, north
    except RasterioError:  # building the map says what is wrong with the file
        pass
    return -180.0, -90.0, 180.0, 90.0


def _photos(clip: _Clip, frames_to: Path, every_s: float, remarks: list[str]) -> list[Photo]:
    """Return the frames of a clip that are `every_s` apart and have a subtitle, written as JPEG."""
    subtitles = clip.subtitles
    if subtitles.coarse:
        remarks.append(
            f"{subtitles.path.name} has positions of four decimals: the truth is known to 11 m, no better."
        )
    if subtitles.height_unsure:
        remarks.append(
            f"{subtitles.path.name} names its height `altitude`; it is taken as the height above take-off."
        )
    moments = [moment for moment in subtitles.moments if moment.height_above_takeoff_m is not None]
    if not moments:
        raise BagError(
            f"{subtitles.path} has no height above take-off (rel_alt, H, BAROMETER); add "
            "[rel_alt: METRES] to its subtitles."
        )
    due = list(_spaced(moments, every_s))
    photos = []
    frames_to.mkdir(parents=True, exist_ok=True)
    for moment, pixels in _frames(clip.video, due):
        path = frames_to / f"{clip.video.stem}_{round(moment.time_s * 1000):08d}ms.jpg"
        coded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
        path.write_bytes(coded.tobytes())
        photos.append(_photo(path, moment, clip, pixels))
    if len(photos) < len(due):
        remarks.append(
            f"{clip.video.name} ends before its subtitles: {len(due) - len(photos)} of {len(due)} frames are "
            "missing; copy the video again."
        )
    return photos


def _photo(path: Path, moment: Subtitle, clip: _Clip, pixels: UInt8Array) -> Photo:
    height, width = pixels.shape[:2]
    return Photo(
        path=path,
        taken=clip.started + timedelta(seconds=moment.time_s),
        width=width,
        height=height,
        model=clip.video.stem,
        gimbal=moment.gimbal,
        height_above_takeoff_m=moment.height_above_takeoff_m,
        flight_yaw_deg=moment.flight_yaw_deg,
        position_deg=moment.position_deg,
        focal_35mm=clip.subtitles.focal_35mm,
    )


def _spaced(moments: Sequence[Subtitle], every_s: float) -> Iterator[Subtitle]:
    due_s = -math.inf
    for moment in moments:
        if moment.time_s >= due_s:
            yield moment
            due_s = moment.time_s + every_s - 1e-3


def _frames(video: Path, due: Sequence[Subtitle]) -> Iterator[tuple[Subtitle, UInt8Array]]:
    """Yield the video's frame, BGR, at the time of each subtitle, as far as the video goes."""
    capture = cv2.VideoCapture(str(video))
    try:
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)  # a gimbal's angles refer to the raw image
        per_second = capture.get(cv2.CAP_PROP_FPS)
        if not capture.isOpened() or not per_second > 0.0:
            raise BagError(f"{video} cannot be read as a video; copy it again, or convert it to H.264.")
        number = -1
        for moment in due:
            wanted = round(moment.time_s * per_second)
            while number < wanted:
                if not capture.grab():
                    return
                number += 1
            read, pixels = capture.retrieve()
            if read:
                yield moment, np.asarray(pixels, dtype=np.uint8)
    finally:
        capture.release()


def _unused(folder: FlightFolder) -> Iterator[str]:
    for log in folder.logs:
        yield f"left out: {log}; logs are read for photos, and subtitles for videos."
    for video in videos_in(folder.map_image.parent, folder.images):
        if video not in folder.videos:
            yield f"left out: {video} has no subtitles; copy {video.stem}.SRT beside it."


def _notes(clips: Sequence[_Clip], heading_known: bool, every_s: float) -> dict[str, str]:
    names = ", ".join(clip.subtitles.path.name for clip in clips)
    attitude = f"gimbal angles in {names}" if heading_known else "camera straight down, heading unknown"
    return {
        "attitude and height": f"{attitude}, and height above take-off as height above ground",
        "truth": f"positions in {names}, by the drone's GNSS",
        "frames": f"one every {every_s:g} s of {', '.join(clip.video.name for clip in clips)}",
    }
