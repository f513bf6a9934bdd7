# SPDX-License-Identifier: Apache-2.0
"""Whether a band that is tagged as alpha is transparency: some programs tag near-infrared so."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from geoloc.errors import RasterError, clause

_SAMPLE_PX = 512
_TWO_VALUED = 0.9  # share of the two most frequent values; the others lie on soft edges
_JPEG_LEVELS = 3
_INFRARED = re.compile(r"\b(nir|ir|near|infra ?red|red ?edge)\b|infrared", re.IGNORECASE)


@dataclass(frozen=True)
class Transparency:
    """The alpha band of a dataset.

    Attributes:
        band: number (from 1) of the alpha band; None if there is none, or if it holds a picture.
        opaque: largest value of the band.
        picture: number of a band that is tagged as alpha but holds a picture; None if there is none.
    """

    band: int | None = None
    opaque: float = 255.0
    picture: int | None = None


def read_transparency(dataset: DatasetReader, path: Path) -> Transparency:
    """Find the alpha band of a dataset.

    Alpha has few values, since imagery is there or not; near-infrared has many. The name of a band decides
    where it says infrared.

    Raises:
        RasterError: if the band cannot be read.
    """
    kinds = list(dataset.colorinterp)
    if ColorInterp.alpha not in kinds:
        return Transparency()
    band = kinds.index(ColorInterp.alpha) + 1
    if len(kinds) == 1:
        return Transparency(band)
    sample = _sample(dataset, band, path)
    name = re.sub(r"[^a-zA-Z]+", " ", dataset.descriptions[band - 1] or "")
    if _INFRARED.search(name) or not _is_two_valued(sample):
        return Transparency(picture=band)
    return Transparency(band, float(sample.max()) or 255.0)


def without_alpha(dataset: DatasetReader, path: Path) -> DatasetReader:
    """Return a virtual copy of a dataset whose bands are not tagged as alpha; the caller closes both.

    Raises:
        RasterError: if the dataset cannot be copied.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.vrt"
            rasterio.shutil.copy(dataset, str(copy), driver="VRT")
            tree = ElementTree.fromstring(copy.read_bytes())  # noqa: S314 - GDAL wrote it
        for band in tree.iter("VRTRasterBand"):
            for kind in band.findall("ColorInterp"):
                if kind.text == "Alpha":
                    band.remove(kind)
        return rasterio.open(ElementTree.tostring(tree, encoding="unicode"), driver="VRT")
    except (RasterioError, OSError) as error:
        raise RasterError(f"{path} cannot be read ({clause(error)}); restore the file.") from error


def _is_two_valued(sample: NDArray[Any]) -> bool:
    if sample.dtype == np.uint8:
        # JPEG moves values by some grey levels.
        sample = np.where(
            sample <= _JPEG_LEVELS, 0, np.where(sample >= sample.max() - _JPEG_LEVELS, 255, sample)
        )
    _, counts = np.unique(sample, return_counts=True)
    return bool(np.sort(counts)[-2:].sum() >= _TWO_VALUED * sample.size)


def _sample(dataset: DatasetReader, band: int, path: Path) -> NDArray[Any]:
    """Return values of a band, subsampled without averages, which would have more values."""
    shape = (min(_SAMPLE_PX, dataset.height), min(_SAMPLE_PX, dataset.width))
    try:
        return np.asarray(dataset.read(band, out_shape=shape))
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{path} cannot be read ({clause(error)}), so it is truncated or damaged; restore it."
        ) from error
