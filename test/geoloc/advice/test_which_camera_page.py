# SPDX-License-Identifier: Apache-2.0
"""docs/which-camera.md agrees with the code."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from geoloc.advice import Flight
from geoloc.advice.ground import GOOD_COVERAGE, recommended_view_m
from geoloc.advice.sharpness import GOOD_SHIFT_PX, MOST_SHIFT_PX
from geoloc.camera.footprint import VIEW_SHARE, footprint, ground_pixel_m, pinhole
from geoloc.cli import app
from geoloc.encoder import load_card
from geoloc.installed import find_model
from geoloc.mapping.grid import COARSEST_IMAGERY

PAGE = (Path(__file__).parents[3] / "docs" / "which-camera.md").read_text(encoding="utf-8")
ROWS = [
    [float(number) for number in re.findall(r"[\d.]+", row)]
    for row in PAGE.splitlines()
    if row.startswith("| ") and row[2].isdigit()
]


def test_every_row_of_the_table_is_computed():
    card = load_card(find_model())
    assert len(ROWS) == 15
    for height_m, fov_deg, *shown in ROWS:
        lens = pinhole(1280, 720, fov_deg)
        view_m = recommended_view_m(Flight(lens, height_m, height_m), card)
        ground = footprint(lens, height_m)
        gsd_m = view_m / card.input_px
        pixels = (ground_pixel_m(lens, height_m), gsd_m, COARSEST_IMAGERY * gsd_m)
        assert shown[:3] == [round(ground.across_m), round(ground.along_m), view_m]
        assert shown[3:] == pytest.approx(pixels, abs=0.006)


def test_the_output_is_real():
    command, output = re.search(
        r"```sh\ngeoloc (map advise .*)\n```\n\n```\n(.*?)\n```", PAGE, re.DOTALL
    ).groups()
    assert CliRunner().invoke(app, command.split()).output.rstrip() == output


def test_the_limits_are_the_codes():
    assert f"{VIEW_SHARE:g} of the" in PAGE
    assert f"with {GOOD_COVERAGE:g} of it" in PAGE
    assert f"Up to {GOOD_SHIFT_PX:g} pixels" in PAGE
    assert re.search(rf"With {MOST_SHIFT_PX:g}\s+pixels", PAGE)
