# SPDX-License-Identifier: Apache-2.0
"""Keeps every view of a flight in memory as JPEG; an hour at two frames per second takes about 60 MB."""

from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from geoloc.arrays import UInt8Array
from geoloc.raster.colours import Rgb

_QUALITY = [cv2.IMWRITE_JPEG_QUALITY, 90]


class ViewAlbum(Mapping[int, Rgb]):
    """Mapping from stamps of frames to their views, uint8 RGB (S, S, 3), which are decoded on access."""

    def __init__(self) -> None:
        self._jpegs: dict[int, UInt8Array] = {}

    def put(self, stamp_ns: int, view: Rgb) -> None:
        """Add a view, or replace the view of the same stamp."""
        self._jpegs[stamp_ns] = cv2.imencode(".jpg", cv2.cvtColor(view, cv2.COLOR_RGB2BGR), _QUALITY)[1]

    def __getitem__(self, stamp_ns: int) -> Rgb:
        decoded = cv2.imdecode(self._jpegs[stamp_ns], cv2.IMREAD_COLOR)
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def __iter__(self) -> Iterator[int]:
        return iter(self._jpegs)

    def __len__(self) -> int:
        return len(self._jpegs)
