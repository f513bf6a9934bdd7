# SPDX-License-Identifier: Apache-2.0
"""`geoloc map advise` as a user types it."""

import pytest
from typer.testing import CliRunner

from fakes import ground, write_bands
from geoloc.cli import app
from geoloc.errors import CameraError, ParameterError

CAMERA = ("--fov", 70, "--image", "1280x720")


def advise(*arguments):
    words = [str(word) for word in ("map", "advise", *arguments)]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def test_without_a_map_it_says_what_to_build():
    result = advise("--height", 110, *CAMERA)
    assert result.exit_code == 0
    assert "154 m x 87 m from 110 m" in result.output
    last = result.output.splitlines()[-1]
    assert last == "geoloc map build ortho.tif --model geoloc-small-2 --view-size 69 --out my_map"


def test_over_imagery(tmp_path):
    source = write_bands(tmp_path / "ortho.tif", ground(600, 600).transpose(2, 0, 1))
    moving = ("--tilt", 15, "--speed", 15, "--exposure-ms", 2, "--readout-ms", 30)
    result = advise("--height", "80-150", *CAMERA, "--source", source, *moving)
    assert result.exit_code == 0
    for word in (
        "map pixel",
        "motion blur",
        "rolling shutter",
        "km², one every 12",
        "usable; marginal: map pixel",
    ):
        assert word in result.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--height", "high", *CAMERA), "--height high is not a height in metres; write 110 or 80-150"),
        (("--height", 110), "camera is unknown; give --fov 70 --image 1280x720, or --camera-info"),
        (("--height", 110, "--fov", 70, "--image", "big"), "camera is unknown"),
        (("--height", 110, *CAMERA, "--camera-info", "c.yaml"), "is given together with --fov"),
        (("--height", 110, *CAMERA, "--map", "a", "--source", "b"), "are given together"),
    ],
)
def test_mistakes_are_sentences(arguments, sentence):
    with pytest.raises(ParameterError, match=sentence):
        advise(*arguments)


def test_a_missing_calibration_is_a_sentence():
    with pytest.raises(CameraError, match=r"gone\.yaml does not exist"):
        advise("--height", 110, "--camera-info", "gone.yaml")
