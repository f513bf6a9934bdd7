# SPDX-License-Identifier: Apache-2.0
"""Georeferenced images as grounds: an index of dated pictures, GeoTIFFs, or plain pictures of known scale."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from geoloc.errors import RasterError
from geoloc_training.datasets.dated_index import INDEX, load_dated, load_multiyear
from geoloc_training.datasets.geotiffs import geotiffs_in, load_geotiffs
from geoloc_training.datasets.ground import Ground, Image, check_side, pyramid
from geoloc_training.datasets.pictures import read_picture
from geoloc_training.datasets.probe import PICTURE_SUFFIXES, pictures_in
from geoloc_training.datasets.settings import SourceConfig

__all__ = ["load_images", "load_multiyear", "load_orthophotos"]


def load_images(root: Path, source: SourceConfig, wanted: Callable[[str], bool]) -> list[Ground]:
    """The grounds of a source of kind `map`.

    With `gsd_m` its images are plain pictures. Without, they are what their `index.csv` lists, or GeoTIFFs.

    Args:
        root: the data's folder, which `source.images` lies under.
        source: which images, and how they are read.
        wanted: whether to take a group (a city).

    Raises:
        RasterError: no such images, or some that cannot be read or used.
    """
    path = root / source.images
    if not path.exists():
        raise RasterError(f"{path} does not exist; data.root must name the folder above '{source.images}'.")
    if source.dated and (path / INDEX).is_file():
        return load_dated(path, wanted)
    group = source.group or (path.stem if path.is_file() else path.resolve().name)
    if not wanted(group):
        return []
    if not source.dated:
        return load_orthophotos(path, source.gsd_m, group=group, white_is_nodata=source.white_is_nodata)
    if not geotiffs_in(path):
        raise RasterError(
            f"{path} holds neither {INDEX} nor GeoTIFFs; if its pictures are plain, give their gsd_m."
        )
    return load_geotiffs(path, group)


def load_orthophotos(path: Path, gsd_m: float, *, group: str, white_is_nodata: bool = False) -> list[Ground]:
    """Pictures of one resolution, a ground each, of one date "0".

    Args:
        path: a picture, or a folder that holds them or whose `images` does.
        gsd_m: metres per pixel of every picture.
        group: name shared by the grounds.
        white_is_nodata: treat areas of pure white as missing.

    Raises:
        RasterError: no picture there, or one that cannot be read.
    """
    files = [path] if path.is_file() else pictures_in(path / "images") or pictures_in(path)
    if not files:
        raise RasterError(
            f"{path} holds no pictures ({', '.join(sorted(PICTURE_SUFFIXES))}), nor does its images/; "
            "correct the folder's name."
        )
    return [_orthophoto(file, gsd_m, group, white_is_nodata) for file in files]


def _orthophoto(path: Path, gsd_m: float, group: str, white_is_nodata: bool) -> Ground:
    image = read_picture(path)
    check_side(path, image.shape)
    valid = pyramid(_not_white(image)) if white_is_nodata else None
    return Ground(path.stem, group, gsd_m, {"0": pyramid(image)}, valid)


def _not_white(image: Image) -> Image:
    """255 where there is data; compression smears the edge of the white, hence the margin."""
    white = (image.min(axis=2) >= 250).astype(np.uint8)
    white = cv2.morphologyEx(white, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    grown = cv2.dilate(white, np.ones((7, 7), np.uint8))
    mask: Image = ((1 - grown) * 255).astype(np.uint8)
    return mask
