# SPDX-License-Identifier: Apache-2.0
"""The user's own imagery as grounds: an index of dated images, georeferenced images or plain images."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from geoloc.errors import RasterError
from geoloc.progress import progress_bar
from geoloc_training.arrays import Image
from geoloc_training.datasets.data_config import SourceConfig
from geoloc_training.datasets.image_files import read_picture
from geoloc_training.datasets.imagery.dated_index import INDEX, load_dated, load_multiyear, survey_dated
from geoloc_training.datasets.imagery.geotiffs import georeferenced_in, load_geotiffs, survey_geotiffs
from geoloc_training.datasets.imagery.ground import Ground, check_side, pyramid
from geoloc_training.datasets.imagery.survey import Survey, attempt, surveyed
from geoloc_training.datasets.probe import PICTURE_SUFFIXES, named, pictures_in

__all__ = ["load_images", "load_multiyear", "load_orthophotos", "survey_images"]


def load_images(root: Path, source: SourceConfig, wanted: Callable[[str], bool]) -> list[Ground]:
    """Load the grounds of a source of kind `map`.

    If the source has `gsd_m`, its images are plain images. Otherwise they are the images of an `index.csv`,
    or GeoTIFFs and other georeferenced images.

    Args:
        root: folder of the data, which contains `source.images`.
        source: configuration of the source.
        wanted: predicate that selects groups (cities).

    Raises:
        RasterError: the images do not exist, or cannot be read or used.
    """
    path = root / source.images
    if not path.exists():
        raise RasterError(
            f"{path} does not exist; set data.root to the folder that contains '{source.images}'."
        )
    if source.dated and (path / INDEX).is_file():
        return load_dated(path, wanted)
    group = source.group or (path.stem if path.is_file() else path.resolve().name)
    if not wanted(group):
        return []
    if not source.dated:
        return load_orthophotos(path, source.gsd_m, group=group, white_is_nodata=source.white_is_nodata)
    if not georeferenced_in(path):
        raise RasterError(_holds_none(path))
    return load_geotiffs(path, group)


def survey_images(root: Path, gsd_m: float = 0.0) -> Survey:
    """Return the faults of a folder of imagery or of one image; every image is read once.

    Args:
        root: folder or file, as in `images` of a source.
        gsd_m: metres per pixel of plain images; 0 for images that carry their georeference.
    """
    if not root.exists():
        return Survey((f"{root} does not exist; give a folder of imagery.",))
    if gsd_m == 0 and (root / INDEX).is_file():
        return survey_dated(root)
    if gsd_m == 0 and georeferenced_in(root):
        return survey_geotiffs(root)
    files = _plain_files(root)
    if not files:
        return Survey((_where_else(root),))
    if gsd_m == 0:
        return Survey((_holds_none(root),))
    found: list[str] = []
    for file in progress_bar(files, label="images", unit="file"):
        attempt(found, _read_plain, file)
    return surveyed(found, len(files), len(files))


def _where_else(root: Path) -> str:
    """Return a sentence for a folder without images, which names subfolders that hold imagery."""
    below = [path.name for path in sorted(root.iterdir()) if _is_imagery(path)]
    if below:
        return f"{root} holds imagery in subfolders only ({named(below)}); give one of them."
    return _no_pictures(root)


def _is_imagery(path: Path) -> bool:
    return path.is_dir() and bool((path / INDEX).is_file() or georeferenced_in(path) or _plain_files(path))


def _holds_none(path: Path) -> str:
    return f"{path} holds neither {INDEX} nor georeferenced images; for plain images, give their gsd_m."


def load_orthophotos(path: Path, gsd_m: float, *, group: str, white_is_nodata: bool = False) -> list[Ground]:
    """Load plain images of one resolution as grounds with the single date "0".

    Args:
        path: an image, or a folder that contains images directly or in its subfolder `images`.
        gsd_m: metres per pixel of every image.
        group: group of the grounds.
        white_is_nodata: whether pure white areas count as missing data.

    Raises:
        RasterError: there is no image, or an image cannot be read.
    """
    files = _plain_files(path)
    if not files:
        raise RasterError(_no_pictures(path))
    return [_orthophoto(file, gsd_m, group, white_is_nodata) for file in files]


def _plain_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else pictures_in(path / "images") or pictures_in(path)


def _no_pictures(path: Path) -> str:
    return (
        f"{path} holds no images ({', '.join(sorted(PICTURE_SUFFIXES))}), neither directly nor in images/; "
        "correct the folder's name."
    )


def _read_plain(path: Path) -> Image:
    image = read_picture(path)
    check_side(path, image.shape)
    return image


def _orthophoto(path: Path, gsd_m: float, group: str, white_is_nodata: bool) -> Ground:
    image = _read_plain(path)
    valid = pyramid(_not_white(image)) if white_is_nodata else None
    return Ground(path.stem, group, gsd_m, {"0": pyramid(image)}, valid)


def _not_white(image: Image) -> Image:
    """Return 255 where there is data; the margin covers the edge of the white, which compression smears."""
    white = (image.min(axis=2) >= 250).astype(np.uint8)
    white = cv2.morphologyEx(white, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    grown = cv2.dilate(white, np.ones((7, 7), np.uint8))
    mask: Image = ((1 - grown) * 255).astype(np.uint8)
    return mask
