# SPDX-License-Identifier: Apache-2.0
"""Reads lens calibrations from `cameras.json`, which has an entry for each camera model.

An entry holds calibrations: `colmap_RADIAL_WxH…: [f, cx, cy, k1, k2]`, in pixels, or
`colmap_OPENCV_WxH…: [fx, fy, cx, cy, k1, k2, p1, p2]`, or `opensfm_db: {focal, k1, k2}`, with the focal
length as a share of the longer side and the principal point in the centre.

A camera without a calibration gets a lens without distortion from its focal length for 35 mm film.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geoloc.camera.lens import Intrinsics
from geoloc.errors import BagError, CameraError, clause
from geoloc_lab.photo_flights.photos import Photo

Cameras = Mapping[str, Mapping[str, Any]]
_COLMAP = re.compile(r"colmap_(RADIAL|OPENCV)_(\d+)x(\d+)")
_NUMBERS = {"RADIAL": 5, "OPENCV": 8}
_FILM_DIAGONAL_MM = 43.27
_WIDE_ASPECT = 0.6
_CROP_ERROR = 0.2
"""Share by which a wide picture, such as a video's, may be cropped beyond what its shape tells; a Phantom 3
crops its photos of 16:9 by a sixth."""


class LensTable:
    """The lenses of a flight's cameras: calibrated ones from a table, others from the focal length in EXIF.

    Args:
        path: `cameras.json`, which may be missing.
        of_one_camera: whether a table with one camera is that of all pictures; frames of a video do not
            name theirs.
    """

    def __init__(self, path: Path, *, of_one_camera: bool = False) -> None:
        self._path = path
        self._cameras = read_calibration(path) if path.is_file() else {}
        self._one = next(iter(self._cameras)) if of_one_camera and len(self._cameras) == 1 else ""
        self._by_focal_length: dict[str, Photo] = {}

    @property
    def errors(self) -> dict[str, float]:
        """The nodes' parameter `height_error`, if a lens is so unsure that several heights must be tried."""
        return {"height_error": _CROP_ERROR} if any(map(_is_wide, self._by_focal_length.values())) else {}

    @property
    def remarks(self) -> tuple[str, ...]:
        """A sentence for each camera without a calibration."""
        return tuple(
            f"{model or 'the camera'} has no calibration in {self._path}; its lens is taken from the focal "
            f"length of {photo.focal_35mm:g} mm for 35 mm film, without distortion."
            for model, photo in self._by_focal_length.items()
        )

    def lens_of(self, photo: Photo) -> Intrinsics:
        """Return the lens of the camera that took a photo, scaled to the photo's size.

        Raises:
            BagError: if no calibration fits and the header has no focal length.
        """
        try:
            named = replace(photo, model=self._one or photo.model)
            return lens_of(named, self._cameras, self._path)
        except BagError:
            if photo.focal_35mm is None:
                raise
        self._by_focal_length.setdefault(photo.model, photo)
        return _from_focal_length(photo)


def read_calibration(path: Path) -> Cameras:
    """Return the entries of `cameras.json` by camera name in lower case.

    Raises:
        BagError: if the file is missing or holds no table of cameras.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name.lower(): entry for name, entry in content.items() if isinstance(entry, dict)}
    except (OSError, ValueError, AttributeError) as error:
        raise BagError(
            f"{path} cannot be read as a table of cameras ({clause(error)}); write an entry for each camera."
        ) from error


def lens_of(photo: Photo, cameras: Cameras, path: Path) -> Intrinsics:
    """Return the lens of the camera that took a photo, scaled to the photo's size.

    A self-calibration at that size is preferred, then one with the same aspect ratio, then `opensfm_db`.

    Raises:
        BagError: if no calibration fits; the sentence names `path`.
    """
    entries = [entry for name, entry in cameras.items() if _same_model(photo, name)]
    size = photo.width, photo.height
    own = sorted(
        (lens for entry in entries for lens in _self_calibrations(entry)),
        key=lambda lens: (lens.width, lens.height) != size,
    )
    for lens in (*own, *(lens for entry in entries for lens in _data_base(entry, *size))):
        try:
            return lens.scaled_to(*size)
        except CameraError:
            continue
    wanted = f"colmap_RADIAL_{photo.width}x{photo.height}"
    raise BagError(
        f"{path} has no {wanted} for {photo.path} (camera {photo.model!r}) and no other calibration that "
        f"fits; calibrate the camera and add {wanted}: [f, cx, cy, k1, k2]."
    )


def _same_model(photo: Photo, name: str) -> bool:
    """Return whether the photo's model and the name share a word with a digit, such as FC300S or SX260."""
    return bool(_words_with_digits(photo.model) & _words_with_digits(name))


def _words_with_digits(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z0-9]+", text.lower()) if re.search(r"\d", word)}


def _self_calibrations(entry: Mapping[str, Any]) -> Iterator[Intrinsics]:
    for key, values in entry.items():
        named = _COLMAP.match(key)
        if named and isinstance(values, list) and len(values) == _NUMBERS[named[1]]:
            yield _from_colmap(int(named[2]), int(named[3]), [float(value) for value in values])


def _data_base(entry: Mapping[str, Any], width: int, height: int) -> Iterator[Intrinsics]:
    generic = entry.get("opensfm_db")
    # One normalized focal length does not describe the edges of a fisheye.
    if isinstance(generic, dict) and "focal" in generic and generic.get("projection") != "fisheye":
        focal = float(generic["focal"]) * max(width, height)
        radial = [float(generic.get(name, 0.0)) for name in ("k1", "k2")]
        yield _from_colmap(width, height, [focal, width / 2, height / 2, *radial])


def _from_colmap(width: int, height: int, values: list[float]) -> Intrinsics:
    if len(values) == _NUMBERS["RADIAL"]:
        values = [values[0], *values, 0.0, 0.0]
    focal_x, focal_y, centre_x, centre_y, k1, k2, p1, p2 = values
    # COLMAP's origin is the corner of the first pixel, ROS's origin is its centre.
    matrix = np.array([[focal_x, 0.0, centre_x - 0.5], [0.0, focal_y, centre_y - 0.5], [0.0, 0.0, 1.0]])
    return Intrinsics(width, height, matrix, "plumb_bob", (k1, k2, p1, p2, 0.0))


def _is_wide(photo: Photo) -> bool:
    return min(photo.width, photo.height) < _WIDE_ASPECT * max(photo.width, photo.height)


def _from_focal_length(photo: Photo) -> Intrinsics:
    """Return a lens by the diagonal of the sensor; a wide picture is taken to be cropped from one of 4:3."""
    longer = max(photo.width, photo.height)
    diagonal = 1.25 * longer if _is_wide(photo) else math.hypot(photo.width, photo.height)
    focal = (photo.focal_35mm or math.nan) * diagonal / _FILM_DIAGONAL_MM
    return _from_colmap(photo.width, photo.height, [focal, photo.width / 2, photo.height / 2, 0.0, 0.0])
