# SPDX-License-Identifier: Apache-2.0
"""Distortion as drivers write it: numbers with zeros behind them are used, those of no model are refused."""

import math

import numpy as np
import pytest

from geoloc.camera.distortion import read_distortion
from geoloc.camera.lens import Intrinsics
from geoloc.errors import CameraError

PLUMB = (-0.28, 0.08, 0.0005, -0.0004, 0.01)
RATIONAL = (0.5, -2.6, 0.0003, -0.0002, 1.5, 0.38, -2.4, 1.45)
FISHEYE = (-0.02, 0.012, -0.006, 0.0006)
PRISM = (*RATIONAL, 0.002, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "numbers", "model", "kept"),
    [
        ("plumb_bob", PLUMB, "plumb_bob", PLUMB),
        ("plumb_bob", (*PLUMB, 0, 0, 0), "plumb_bob", PLUMB),
        ("plumb_bob", (*PLUMB[:4], *[0] * 10), "plumb_bob", PLUMB[:4]),
        ("plumb_bob", RATIONAL, "rational_polynomial", RATIONAL),
        ("PLUMB_BOB", PLUMB, "plumb_bob", PLUMB),
        ("Brown Conrady", PLUMB, "plumb_bob", PLUMB),
        ("radtan", PLUMB[:4], "plumb_bob", PLUMB[:4]),
        ("rational_polynomial", RATIONAL, "rational_polynomial", RATIONAL),
        ("rational_polynomial", (*RATIONAL, *[0] * 4), "rational_polynomial", RATIONAL),
        ("rational_polynomial", (*RATIONAL, *[0] * 6), "rational_polynomial", RATIONAL),
        ("rational_polynomial", PLUMB, "plumb_bob", PLUMB),
        ("rational_polynomial", PRISM, "rational_polynomial", PRISM),
        ("rational_polynomial", (*PRISM, 0.01, 0.0), "rational_polynomial", (*PRISM, 0.01, 0.0)),
        ("equidistant", FISHEYE, "equidistant", FISHEYE),
        ("equidistant", (*FISHEYE, 0), "equidistant", FISHEYE),
        ("fisheye", (-0.02, 0, 0, 0, 0, 0, 0, 0), "equidistant", (-0.02, 0, 0, 0)),
        ("Kannala-Brandt", FISHEYE, "equidistant", FISHEYE),
        ("equidistant", (0, 0, 0, 0), "equidistant", (0, 0, 0, 0)),  # a fisheye, and no pinhole
        ("plumb_bob", (0,) * 8, "none", ()),
        ("rational_polynomial", (0,) * 14, "none", ()),
        ("plumb_bob", (), "none", ()),
        ("", (), "none", ()),
        ("", (0,) * 5, "none", ()),
        ("pinhole", (0,) * 5, "none", ()),
    ],
)
def test_numbers_are_used_whatever_zeros_follow(name, numbers, model, kept):
    found, coefficients = read_distortion(name, numbers)
    assert (found, coefficients.tolist()) == (model, [*kept])
    Intrinsics(64, 48, np.diag([50.0, 50.0, 1.0]), found, coefficients)


@pytest.mark.parametrize(
    ("name", "numbers", "words"),
    [
        ("plumb_bob", (0.1, 0.2), "has 2 coefficients that are not 0; give one of 4, 5, 8, 12, 14"),
        ("rational_polynomial", (0.1,) * 15, "has 15 coefficients that are not 0"),
        ("equidistant", (0.1,) * 5, "has 5 coefficients; give 4"),
        ("equidistant", (), "has 0 coefficients; give 4"),
        ("", PLUMB, "names no distortion model"),
        ("pinhole", PLUMB, "('pinhole') but has 5 coefficients"),
        ("ftheta", (0, 0, 0, 0), "'ftheta' is unknown"),
        ("inverse_brown_conrady", PLUMB, "unknown"),
        ("plumb_bob", (0.1, math.nan, 0, 0, 0), "finite"),
    ],
)
def test_numbers_that_no_model_takes_are_refused(name, numbers, words):
    with pytest.raises(CameraError) as caught:
        Intrinsics(64, 48, np.diag([50.0, 50.0, 1.0]), *read_distortion(name, numbers))
    assert words in str(caught.value)
