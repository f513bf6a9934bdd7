# SPDX-License-Identifier: Apache-2.0
"""A flight of photos or video frames, as it is written into a bag."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from geoloc.camera.attitude import Quaternion
from geoloc.camera.lens import Intrinsics
from geoloc_lab.photo_flights.folder import FlightFolder
from geoloc_lab.photo_flights.photos import Photo
from geoloc_lab.photo_flights.poses import Pose


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
    quaternion: Quaternion
    height_m: float
    truth_latitude_deg: float
    truth_longitude_deg: float

    @classmethod
    def of(cls, photo: Photo, stamp_ns: int, intrinsics: Intrinsics, pose: Pose) -> "PhotoFrame":
        """Return the frame of a photo with the given stamp, lens and pose."""
        latitude_deg, longitude_deg = pose.truth_deg
        return cls(photo, stamp_ns, intrinsics, pose.quaternion, pose.height_m, latitude_deg, longitude_deg)


@dataclass(frozen=True)
class PhotoFlight:
    """A flight of photos, ready to be written as a bag.

    Attributes:
        folder: paths that the flight was read from.
        frames: photos in stamp order.
        notes: sources of attitude, height and truth, and corrections, for the report.
        independent_ns: stamps of the photos named in independent.txt; empty without that file.
        remarks: a sentence for each thing that was corrected, left out or assumed.
        errors: errors of heading and height that the flight's data make necessary, by the nodes' parameters
            `heading_error_deg` and `height_error`.
    """

    folder: FlightFolder
    frames: tuple[PhotoFrame, ...]
    notes: Mapping[str, str]
    independent_ns: frozenset[int]
    remarks: tuple[str, ...] = ()
    errors: Mapping[str, float] = field(default_factory=dict)
