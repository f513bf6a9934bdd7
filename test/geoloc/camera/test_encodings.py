# SPDX-License-Identifier: Apache-2.0
"""Raw pixels decode to the same RGB as with rosbags-image, in odd sizes and both byte orders, too."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from geoloc.camera.encodings import ENCODINGS, ros_name, to_rgb
from geoloc.camera.levels import Levels

reference = pytest.importorskip("rosbags.image.image")
WHOLE = Levels()
WHOLE.value_range = lambda values: (0.0, 65535.0)  # what the other decoder scales


@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("name", ENCODINGS)
def test_pixels_equal_those_of_another_decoder(name, big_endian):
    encoding = ENCODINGS[name]
    for height, width in ((48, 64), (33, 46), (5, 7), (1, 1)):
        packed = np.random.default_rng(height).integers(
            0, 256, (height, width * encoding.bytes_per_pixel), dtype=np.uint8
        )
        plain = SimpleNamespace(
            height=height,
            width=width,
            encoding=name,
            is_bigendian=big_endian and encoding.bits == 16,
            data=packed,
        )
        try:
            expected = reference.convert_color(reference.image_to_cvimage(plain), name, "rgb8")
        except cv2.error:
            with pytest.raises(cv2.error):
                to_rgb(packed, encoding, WHOLE, big_endian=big_endian)
            continue
        found = to_rgb(packed, encoding, WHOLE, big_endian=big_endian)
        assert found.dtype == np.uint8
        rounding = encoding.bits == 16
        assert np.abs(found.astype(int) - expected).max() <= rounding


@pytest.mark.parametrize(
    ("opencvs", "name"),
    [
        ("8UC1", "mono8"),
        ("8UC3", "bgr8"),
        ("8UC4", "bgra8"),
        ("16UC1", "mono16"),
        ("16UC3", "bgr16"),
        ("16UC4", "bgra16"),
        ("yuyv", "yuyv"),
    ],
)
def test_opencvs_names_are_understood(opencvs, name):
    assert ros_name(opencvs) == name
