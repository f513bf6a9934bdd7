# SPDX-License-Identifier: Apache-2.0
"""The colour bands of a dataset, and the conversion of their values to 8-bit RGB."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio import DatasetReader
from rasterio.enums import ColorInterp
from rasterio.errors import RasterioError

from geoloc.arrays import BoolArray, UInt8Array
from geoloc.errors import RasterError, clause

_NAMES = ("red", "green", "blue")
_OTHER_BAND = re.compile(r"edge|infra|near|coastal|nir|vegetation")
_RGB = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_SAMPLE_PX = 1024
_PERCENTILES = (2, 98)

Rgb = UInt8Array


@dataclass(frozen=True)
class Colours:
    """Conversion of a dataset's values to RGB.

    Attributes:
        bands: numbers (from 1) of the red, green and blue band; three times the same number for grey imagery.
        value_range: values that are mapped to 0 and 255, the same for all bands so that hues stay the same;
            None for 8-bit imagery.
        notes: sentences for the user about changes of the values.
    """

    bands: tuple[int, int, int]
    value_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def to_rgb(self, values: NDArray[Any], valid: BoolArray) -> Rgb:
        """Convert values (3, H, W) to uint8 RGB (H, W, 3), which is 0 where `valid` (H, W) is False."""
        if self.value_range is not None:
            low, high = self.value_range
            scaled = (values.astype(np.float32) - low) * (255.0 / (high - low))
            values = np.rint(np.clip(np.nan_to_num(scaled), 0, 255))
        rgb = np.ascontiguousarray(np.moveaxis(values, 0, -1), dtype=np.uint8)
        rgb[~valid] = 0
        return rgb


def read_colours(dataset: DatasetReader, path: Path) -> Colours:
    """Return the colour bands of an open dataset and, unless pixels have 8 bits, the range of their values.

    Raises:
        RasterError: if the dataset has no usable colour band, or no valid pixel.
    """
    bands, notes = _colour_bands(dataset, path)
    dtype = dataset.dtypes[bands[0] - 1]
    if dtype == "uint8":
        return Colours(bands, notes=notes)
    if np.dtype(dtype).kind not in "uif":
        raise RasterError(f"{path} has {dtype} pixels; convert it to 8 bits with `gdal_translate -ot Byte`.")
    sample = _sample(dataset, path, bands)
    if np.dtype(dtype).kind != "f" and sample.min() >= 0 and sample.max() <= 255:
        return Colours(bands, (0.0, 255.0), notes)
    low, high = (float(value) for value in np.percentile(sample, _PERCENTILES))
    high = high if high > low else low + 1.0
    note = f"{path.name} has {dtype} pixels; {low:.6g} to {high:.6g} (2 to 98 %) are scaled to 8 bits."
    return Colours(bands, (low, high), (*notes, note))


def _colour_bands(dataset: DatasetReader, path: Path) -> tuple[tuple[int, int, int], tuple[str, ...]]:
    """Return the numbers of the red, green and blue band, and sentences about a choice by name."""
    kinds = list(dataset.colorinterp)
    if ColorInterp.palette in kinds:
        raise RasterError(
            f"{path} is a palette image; convert it to RGB with "
            f"`gdal_translate -expand rgb {path.name} rgb.tif`."
        )
    tagged = _tagged_bands(kinds, path)
    named = [_band_named(colour, dataset.descriptions) for colour in _NAMES]
    if None not in named:
        red, green, blue = (int(band or 0) for band in named)
        if (red, green, blue) == tagged:
            return tagged, ()
        sentence = (
            f"{path.name}: bands {red}, {green}, {blue} are read as red, green, blue, as their names say."
        )
        return (red, green, blue), (sentence,)
    if any(named) and len(set(tagged)) == 3 and not all(kind in kinds for kind in _RGB):
        missing = ", ".join(name for name, band in zip(_NAMES, named, strict=True) if band is None)
        bands = ", ".join(str(band) for band in tagged)
        return tagged, (
            f"{path.name}: no band is named {missing}, so bands {bands} are read as red, green, blue; "
            "map and camera then differ in colour.",
        )
    return tagged, ()


def _tagged_bands(kinds: list[ColorInterp], path: Path) -> tuple[int, int, int]:
    if all(kind in kinds for kind in _RGB):
        red, green, blue = (kinds.index(kind) + 1 for kind in _RGB)
        return red, green, blue
    colours = [band for band, kind in enumerate(kinds, start=1) if kind != ColorInterp.alpha]
    if not colours:
        raise RasterError(f"{path} has an alpha band but no colour band; give an image with colours.")
    if len(colours) >= 3:
        return colours[0], colours[1], colours[2]
    return colours[0], colours[0], colours[0]


def _band_named(colour: str, descriptions: Sequence[str | None]) -> int | None:
    """Return the number of the band whose description names a colour; one that says no more has priority."""
    words = [re.sub(r"[^a-z]+", " ", (text or "").lower()).strip() for text in descriptions]
    exact = [number for number, text in enumerate(words, start=1) if text in (colour, colour[0])]
    close = [
        number
        for number, text in enumerate(words, start=1)
        if re.search(rf"\b{colour}\b", text) and not _OTHER_BAND.search(text)
    ]
    return next(iter([*exact, *close]), None)


def _sample(dataset: DatasetReader, path: Path, bands: tuple[int, int, int]) -> NDArray[Any]:
    """Return the valid values of the colour bands, subsampled to at most a megapixel per band."""
    shape = (3, min(_SAMPLE_PX, dataset.height), min(_SAMPLE_PX, dataset.width))
    try:
        values = dataset.read(list(bands), out_shape=shape, masked=True).compressed()
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{path} cannot be read ({clause(error)}), so it is truncated or damaged; restore it."
        ) from error
    values = values[np.isfinite(values)]
    if values.size == 0:
        raise RasterError(f"{path} has no valid pixel, only nodata; check the file.")
    return np.asarray(values)
