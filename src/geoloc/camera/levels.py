# SPDX-License-Identifier: Apache-2.0
"""Scale images of 16 bits a value to 8 bits by the values that the camera uses."""

from collections import deque

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float64Array, UInt8Array

_PERCENTILES = (2, 98)  # as of a map's imagery, see geoloc.raster.colours
_REMEMBERED = 100
_SAMPLE = 65_536
_QUANTILES = np.linspace(0.0, 1.0, 201)
_VALUES = 65_536
_LEAST = 16.0  # values; fewer would show the steps between them
_LEAST_IN_NOISE = 48.0  # standard deviations of noise; fewer would turn it into texture over water, or in fog
_NORMAL_MEDIAN = 0.6745  # of the absolute value of a standard normal variable


class Levels:
    """The range of values in a camera's recent images, which becomes 0 to 255.

    Sensors of 10, 12 or 14 bits use the lower part of 16 bits, and thermal ones a narrow band. The range is
    that of 2 to 98 % of the values in the last 100 images together. So a bright roof or a damaged image
    changes it little, and pictures of one place stay alike. An image whose own range lies beside it, as after
    a change of gain or a thermal calibration, starts the range anew. The range is never so narrow that the
    sensor's noise looks like ground.

    One thread may use an object; each camera has its own.
    """

    def __init__(self) -> None:
        self._images: deque[Float64Array] = deque(maxlen=_REMEMBERED)

    def to_8_bits(self, values: NDArray[np.uint16]) -> UInt8Array:
        """Return an image (H, W) or (H, W, 3), uint16, as uint8; the image joins the recent ones."""
        low, high = self.value_range(values)
        table = np.clip((np.arange(_VALUES) - low) * (255.0 / (high - low)), 0.0, 255.0)
        return np.asarray(np.rint(table).astype(np.uint8)[values])

    def value_range(self, values: NDArray[np.uint16]) -> tuple[float, float]:
        """Return the values that become 0 and 255, of which the second is the larger."""
        flat = values.ravel()
        own = np.quantile(flat[:: max(1, flat.size // _SAMPLE)], _QUANTILES)
        if self._images and _are_apart(_range(own), _range(np.concatenate(self._images))):
            self._images.clear()
        self._images.append(own)
        low, high = _range(np.concatenate(self._images))
        least = max(_LEAST, min(_LEAST_IN_NOISE * _noise(values), high / 2))
        widen = max(0.0, least - (high - low)) / 2
        return low - widen, high + widen


def _range(values: Float64Array) -> tuple[float, float]:
    low, high = np.percentile(values, _PERCENTILES)
    return float(low), float(high)


def _noise(values: NDArray[np.uint16]) -> float:
    """Return the standard deviation of an image's noise, from the diagonal details of its finest scale.

    After D. Donoho and I. Johnstone, Ideal spatial adaptation by wavelet shrinkage, Biometrika 81 (1994): the
    median hardly sees the edges of what is in the picture.
    """
    plane = values if values.ndim == 2 else values[..., values.shape[2] // 2]
    height, width = (side // 2 * 2 for side in plane.shape)
    stride = 2 * max(1, round((plane.size / _SAMPLE) ** 0.5))
    top, bottom = (plane[row:height:stride, :width].astype(np.float64) for row in (0, 1))
    details = (top[:, ::stride] - top[:, 1::stride] - bottom[:, ::stride] + bottom[:, 1::stride]) / 2.0
    return float(np.median(np.abs(details))) / _NORMAL_MEDIAN if details.size else 0.0


def _are_apart(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] > other[1] or one[1] < other[0]
