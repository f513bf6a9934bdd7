# SPDX-License-Identifier: Apache-2.0
"""The colour bands of an image, and the conversion of their values to 8-bit RGB."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from geoloc.arrays import BoolArray, UInt8Array
from geoloc.errors import RasterError

_RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_SAMPLE_PX = 1024
_PERCENTILES = (2, 98)

Rgb = UInt8Array


@dataclass(frozen=True)
class Colours:
    """How to get RGB from a dataset.

    Attributes:
        bands: the bands (from 1) that are red, green and blue; the same one thrice for grey imagery.
        value_range: the values that become 0 and 255, one range for all bands so that colours keep their hue;
            None for imagery that has 8 bits already.
        notes: sentences for the user about what is done to the values.
    """

    bands: tuple[int, int, int]
    value_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def to_rgb(self, values: NDArray[Any], valid: BoolArray) -> Rgb:
        """Convert values (3, H, W) of the dataset's type to uint8 (H, W, 3), 0 where not valid (H, W)."""
        if self.value_range is not None:
            low, high = self.value_range
            scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
            values = np.rint(np.clip(np.nan_to_num(scaled), 0, 255))
        rgb = np.ascontiguousarray(np.moveaxis(values, 0, -1), dtype=np.uint8)
        rgb[~valid] = 0
        return rgb


def read_colours(dataset: DatasetReader, path: Path) -> Colours:
    """Find the colour bands of an open dataset, and for other than 8-bit pixels the range they use.

    Raises:
        RasterError: if there is no usable colour band, or no valid pixel.
    """
    bands = _colour_bands(dataset, path)
    dtype = dataset.dtypes[bands[0] - 1]
    if dtype == "uint8":
        return Colours(bands)
    if np.dtype(dtype).kind not in "uif":
        raise RasterError(f"{path} has {dtype} pixels: convert it to 8 bits with `gdal_translate -ot Byte`.")
    sample = _sample(dataset, path, bands)
    if np.dtype(dtype).kind != "f" and sample.min() >= 0 and sample.max() <= 255:
        return Colours(bands, (0.0, 255.0))
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    high = high if high > low else low + 1.0
    note = f"{path.name} has {dtype} pixels: {low:.6g} to {high:.6g} (2 to 98 %) were scaled to 8 bits."
    return Colours(bands, (low, high), (note,))


def alpha_band(dataset: DatasetReader) -> int | None:
    """Return the band (from 1) of the pixels' opacity, None if there is none."""
    kinds = list(dataset.colorinterp)
    return kinds.index(ColorInterp.alpha) + 1 if ColorInterp.alpha in kinds else None


def _colour_bands(dataset: DatasetReader, path: Path) -> tuple[int, int, int]:
    kinds = list(dataset.colorinterp)
    if ColorInterp.palette in kinds:
        raise RasterError(
            f"{path} is a palette image: make colours of it first with "
            f"`gdal_translate -expand rgb {path.name} rgb.tif`."
        )
    if all(kind in kinds for kind in _RGB):
        red, green, blue = (kinds.index(kind) + 1 for kind in _RGB)
        return red, green, blue
    colours = [band for band, kind in enumerate(kinds, start=1) if kind != ColorInterp.alpha]
    if not colours:
        raise RasterError(f"{path} has no colour band, only transparency.")
    if len(colours) >= 3:
        return colours[0], colours[1], colours[2]
    return colours[0], colours[0], colours[0]


def _sample(dataset: DatasetReader, path: Path, bands: tuple[int, int, int]) -> NDArray[Any]:
    """Return valid values of the colour bands, subsampled to about a megapixel a band."""
    shape = (3, min(_SAMPLE_PX, dataset.height), min(_SAMPLE_PX, dataset.width))
    try:
        values = dataset.read(list(bands), out_shape=shape, masked=True).compressed()
    except RasterioError as error:
        raise RasterError(f"{path} cannot be read ({error}): the file is truncated or damaged.") from error
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise RasterError(f"{path} holds no valid pixel: every one is nodata.")
    return np.asarray(values)
