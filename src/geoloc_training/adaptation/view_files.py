# SPDX-License-Identifier: Apache-2.0
"""Writes views as JPEG at quality 95 without chroma subsampling, so that their descriptors hardly change."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.errors import RasterError

_SETTINGS = (
    cv2.IMWRITE_JPEG_QUALITY,
    95,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def write_view(path: Path, view: NDArray[np.uint8]) -> None:
    """Write a view, uint8 RGB (S, S, 3).

    Raises:
        RasterError: the file cannot be written.
    """
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(view, cv2.COLOR_RGB2BGR), _SETTINGS)
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise RasterError(
            f"{path} cannot be written ({error.strerror}); make room and rerun the same command."
        ) from error
