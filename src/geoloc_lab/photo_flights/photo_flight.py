# SPDX-License-Identifier: Apache-2.0
"""Reads a flight of photos from its folder: for each photo its time, lens, attitude, height and truth.

Attitude and height come from the photo's header if it carries them (DJI's XMP), otherwise from the log of
the autopilot, otherwise from the table, which a reconstruction has computed. The table's position is used as
truth only; without a table, the recorded position is the truth.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geoloc.errors import BagError
from geoloc_lab.flight_logs.flight_log import LoggedPose
from geoloc_lab.photo_flights.cameras import LensTable
from geoloc_lab.photo_flights.folder import FlightFolder, photos_in
from geoloc_lab.photo_flights.frames import PhotoFlight, PhotoFrame
from geoloc_lab.photo_flights.headings import corrected_headings, heading_deg
from geoloc_lab.photo_flights.logged_poses import logged_poses
from geoloc_lab.photo_flights.photos import Photo, check_whole, read_photo, stamps_ns
from geoloc_lab.photo_flights.poses import Pose, pose_of
from geoloc_lab.photo_flights.remarks import few, grouped
from geoloc_lab.photo_flights.table import TableRow, read_independent, read_table

_TOLD_DEG = 20.0


@dataclass(frozen=True)
class _Source:
    """A photo with all that is known of it."""

    photo: Photo
    row: TableRow | None
    logged: LoggedPose | None = None


def read_photo_flight(folder: FlightFolder) -> PhotoFlight:
    """Read the photos, the table, the logs and the lens calibrations of a flight.

    A photo that cannot be used is left out with a sentence in `remarks`.

    Raises:
        BagError: if no photo can be used, or the table or the list of independent photos is wrong.
    """
    listed = _listed(folder)
    sources, left_out = _whole(listed)
    headings = corrected_headings([source.photo for source in sources])
    poses = logged_poses(headings.photos, folder.logs, needed=folder.queries is None)
    sources = [
        _Source(photo, source.row, logged)
        for photo, source, logged in zip(headings.photos, sources, poses.of_photos, strict=True)
    ]
    lenses = LensTable(folder.calibration)
    frames, used = [], []
    stamps = stamps_ns(headings.photos)
    for source, stamp_ns in zip(sources, stamps, strict=True):
        try:
            pose = pose_of(source.photo, source.row, source.logged)
            frames.append(PhotoFrame.of(source.photo, stamp_ns, lenses.lens_of(source.photo), pose))
            used.append((source, pose))
        except BagError as error:
            left_out.append((source.photo.path, str(error)))
    if not frames:
        raise BagError(_nothing_left(folder, left_out))
    names = frozenset(path.name for path, _ in listed)
    where = folder.queries.name if folder.queries else folder.images.name
    independent = read_independent(folder.independent, names, where)
    remarks = (
        *headings.remarks,
        *poses.remarks,
        *lenses.remarks,
        *_remarks(used),
        *grouped(left_out, "left out"),
    )
    return PhotoFlight(
        folder=folder,
        frames=tuple(sorted(frames, key=lambda frame: frame.stamp_ns)),
        notes=_notes(used),
        independent_ns=frozenset(frame.stamp_ns for frame in frames if frame.photo.path.name in independent),
        remarks=remarks,
        errors=lenses.errors,
    )


def _listed(folder: FlightFolder) -> list[tuple[Path, TableRow | None]]:
    if folder.queries is None:
        return [(path, None) for path in photos_in(folder.images)]
    return [(folder.images / row.file, row) for row in read_table(folder.queries)]


def _whole(listed: Sequence[tuple[Path, TableRow | None]]) -> tuple[list[_Source], list[tuple[Path, str]]]:
    """Return the photos that can be read in full, and a sentence for each other one."""
    sources, left_out = [], []
    seen: dict[str, Path] = {}
    for path, row in listed:
        try:
            photo = read_photo(path)
            check_whole(path)
            first = seen.setdefault(hashlib.sha256(path.read_bytes()).hexdigest(), path)
            if first is not path:
                raise BagError(f"{path} is a copy of {first.name}; delete one of them.")
            sources.append(_Source(photo, row))
        except BagError as error:
            left_out.append((path, str(error)))
    return sources, left_out


def _nothing_left(folder: FlightFolder, left_out: Sequence[tuple[Path, str]]) -> str:
    if not left_out:
        return f"{folder.images} holds no photos; put them there, as the camera wrote them."
    sentence = left_out[0][1]
    if len(left_out) == 1:
        return sentence
    return f"none of the {len(left_out)} photos of {folder.name} can be used. The first: {sentence}"


def _remarks(used: Sequence[tuple[_Source, Pose]]) -> list[str]:
    remarks = []
    by_viewer = [
        source.photo.path.name
        for source, pose in used
        if pose.turned_deg and (source.row is None or source.row.turned_deg is None)
    ]
    if by_viewer:
        remarks.append(
            f"{few(by_viewer)} were saved by software that turns pictures; their gimbal angles are turned, "
            "too. Use the files that the camera wrote, or state turned_deg in the table of photos."
        )
    photos = [source.photo for source, _ in used]
    remarks += grouped([(p.path, f"{p.path}: {fault}.") for p in photos for fault in p.faults], "ignored")
    apart = [_from_table_deg(source, pose) for source, pose in used]
    known = [angle for angle in apart if angle is not None]
    if known and float(np.median(known)) > _TOLD_DEG:
        remarks.append(
            f"the recorded headings differ from the reconstruction's by {np.median(known):.0f} degrees "
            "(median); the recorded ones are used, so set --heading-error if they are wrong."
        )
    return remarks


def _from_table_deg(source: _Source, pose: Pose) -> float | None:
    """Return the angle between a photo's measured heading and the table's, 0 to 180."""
    if source.photo.gimbal is None or source.row is None:
        return None
    measured_deg = heading_deg(source.photo.gimbal) - pose.turned_deg
    return abs((measured_deg - source.row.image_up_azimuth_deg + 180.0) % 360.0 - 180.0)


def _notes(used: Sequence[tuple[_Source, Pose]]) -> Mapping[str, str]:
    notes = {
        "attitude and height": _sources(f"{pose.attitude_from}, and {pose.height_from}" for _, pose in used),
        "truth": _sources(pose.truth_from for _, pose in used),
    }
    turned = [source.photo.path.name for source, pose in used if pose.turned_deg]
    if turned:
        notes["turned pictures"] = (
            f"{', '.join(turned)} were rotated by other software after they were taken; "
            "their gimbal angles are rotated by the same angle"
        )
    return notes


def _sources(of_photos: Iterable[str]) -> str:
    counts = Counter(of_photos)
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{source} ({count} photos)" for source, count in counts.most_common())
