# SPDX-License-Identifier: Apache-2.0
"""Takes the poses of photos from the logs of the autopilot, by time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from geoloc import geodesy
from geoloc.errors import BagError
from geoloc_lab.flight_logs.flight_log import FlightLog, LoggedPose
from geoloc_lab.flight_logs.logs import read_log, zone_of_camera
from geoloc_lab.photo_flights.photos import Photo

_AGREES_M = 50.0


@dataclass(frozen=True)
class LoggedPoses:
    """The pose of each photo, None where no log has one, and a sentence for each log."""

    of_photos: tuple[LoggedPose | None, ...]
    remarks: tuple[str, ...] = ()


def logged_poses(photos: Sequence[Photo], logs: Sequence[Path], *, needed: bool) -> LoggedPoses:
    """Return the poses of photos by the logs; a log that cannot be used or does not fit gives a remark.

    Args:
        photos: the photos.
        logs: logs of autopilots, of the same flight or of parts of it.
        needed: whether photos without gimbal angles have no other source of their attitude.

    Raises:
        BagError: if no photo has gimbal angles, and the one log, which is needed, cannot be used.
    """
    poses: list[LoggedPose | None] = [None] * len(photos)
    remarks = []
    needed = needed and not any(photo.gimbal for photo in photos)
    for path in logs if photos else ():
        try:
            log = read_log(path)
            ahead = _ahead_of_utc(photos, log)
            found = [log.at((photo.taken - ahead).timestamp()) for photo in photos]
            _check_places(photos, found, log)
        except BagError as error:
            if needed and len(logs) == 1:
                raise
            remarks.append(str(error))
            continue
        poses = [old or new for old, new in zip(poses, found, strict=True)]
        hours = ahead.total_seconds() / 3600.0
        remarks.append(
            f"{path.name} has the attitude of {sum(pose is not None for pose in found)} of {len(photos)} "
            f"photos, with the camera's clock {hours:+g} h ahead of UTC, and height {log.height_is}; the "
            "camera is taken to be fixed to the body, straight down, its top forward."
        )
    return LoggedPoses(tuple(poses), tuple(remarks))


def _ahead_of_utc(photos: Sequence[Photo], log: FlightLog) -> timedelta:
    stated = [photo.ahead_of_utc for photo in photos if photo.ahead_of_utc is not None]
    if stated:
        return sorted(stated)[len(stated) // 2]
    return zone_of_camera([photo.taken.timestamp() for photo in photos], log)


def _check_places(photos: Sequence[Photo], poses: Sequence[LoggedPose | None], log: FlightLog) -> None:
    """Refuse a log that has the drone elsewhere than the photos have it."""
    apart_m = [
        np.hypot(*geodesy.offset_m(*photo.position_deg, pose.latitude_deg, pose.longitude_deg))
        for photo, pose in zip(photos, poses, strict=True)
        if photo.position_deg is not None and pose is not None
    ]
    if apart_m and float(np.median(apart_m)) > _AGREES_M:
        raise BagError(
            f"{log.path} has the drone {np.median(apart_m):.0f} m from where the photos were taken (median); "
            "give the log of the same flight, and set the camera's clock."
        )
    if not any(pose is not None for pose in poses):
        raise BagError(
            f"{log.path} has no attitude at the times of the photos; give the log of the same flight, "
            "and set the camera's clock."
        )
