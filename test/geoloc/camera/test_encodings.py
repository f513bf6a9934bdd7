# SPDX-License-Identifier: Apache-2.0
"""Raw pixels decode to the same RGB as with rosbags-image, in odd sizes and both byte orders, too."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from geoloc.camera.encodings import ENCODINGS, ros_name, to_rgb

reference = pytest.importorskip("rosbags.image.image")


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
                to_rgb(packed, encoding, big_endian=big_endian)
            continue
        found = to_rgb(packed, encoding, big_endian=big_endian)
        assert found.dtype == np.uint8
        assert (found == expected).all()


def test_opencvs_names_are_understood():
    assert [ros_name(name) for name in ("8UC1", "8UC3", "8UC4", "yuyv")] == ["mono8", "bgr8", "bgra8", "yuyv"]
