# SPDX-License-Identifier: Apache-2.0
"""Tells whether a photo was turned after exposure, which leaves the recorded gimbal angles as they were.

The header or the user says so. The truth never does: a heading that disagrees with it may as well be wrong.
"""

import re

from geoloc.errors import BagError
from geoloc_lab.photo_flights.photos import Photo

_TURNS_PICTURES = re.compile(r"Windows Photo (?:Viewer|Gallery)", re.IGNORECASE)
"""Viewers that save a photo only to turn it."""


def turned_deg(photo: Photo, stated_deg: float | None) -> float:
    """Return the angle by which the file was turned after exposure: 0, 90, 180 or 270 degrees clockwise.

    Args:
        photo: the photo.
        stated_deg: what the user says; None to conclude from the header.

    Raises:
        BagError: if the photo was turned by a quarter, and the header cannot say to which side.
    """
    if stated_deg is not None:
        return stated_deg
    if photo.size_at_exposure is not None and _upright(*photo.size_at_exposure) != _upright(
        photo.width, photo.height
    ):
        raise BagError(
            f"{photo.path} was turned by a quarter after exposure; use the file that the camera wrote, or "
            "state turned_deg (90 or 270) in the table of photos."
        )
    return 180.0 if _TURNS_PICTURES.search(photo.saved_by) else 0.0


def _upright(width: int, height: int) -> bool:
    return height > width
