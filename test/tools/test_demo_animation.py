# SPDX-License-Identifier: Apache-2.0
"""The animation of the demo: frames are read from a report and drawn at their positions."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from geoloc.geodesy import LocalFrame
from toy_map import ToyRaster

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import demo_animation as animation

FRAME = LocalFrame(47.0, 8.0)
COLUMNS = (
    "stamp_ns",
    "truth_latitude_deg",
    "truth_longitude_deg",
    "latitude_deg",
    "longitude_deg",
    "error_m",
)
COVARIANCE = ("covariance_ee_m2", "covariance_en_m2", "covariance_nn_m2", "reason")


def table(folder):
    """Write two frames: one refused in the centre, one fixed 3 m east of the truth."""
    here, beside = ([repr(float(value)) for value in FRAME.to_geodetic(east, 0.0)] for east in (0.0, 3.0))
    rows = [[1, *here, "", "", "", "", "", "", "searching"], [2, *here, *beside, 3.0, 4.0, 0.0, 1.0, ""]]
    with (folder / "frames.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((*COLUMNS, *COVARIANCE))
        writer.writerows(rows)
    return folder / "frames.csv"


def test_frames_are_read_in_the_frame_of_the_map(tmp_path: Path) -> None:
    refused, fixed = animation.read_moments(table(tmp_path), FRAME)
    assert refused.fix_m is None
    assert refused.reason == "searching"
    assert fixed.truth_m == pytest.approx((0.0, 0.0), abs=1e-3)
    assert fixed.fix_m == pytest.approx((3.0, 0.0), abs=1e-3)
    assert fixed.covariance_m2 == (4.0, 0.0, 1.0)


def test_the_fix_is_drawn_east_of_the_truth(tmp_path: Path) -> None:
    moments = animation.read_moments(table(tmp_path), FRAME)
    camera = np.zeros((60, 80, 3), np.uint8)
    sheet = np.asarray(animation.picture(camera, ToyRaster(), ((0.0, 0.0), 120.0), moments))
    assert sheet.shape == (
        animation.PANEL_PX + animation.CAPTION_PX,
        3 * animation.PANEL_PX + 2 * animation.GAP_PX,
        3,
    )
    left = 2 * (animation.PANEL_PX + animation.GAP_PX)
    per_m = animation.PANEL_PX / animation.CLOSE_UP_M
    middle = left + animation.PANEL_PX // 2, animation.CAPTION_PX + animation.PANEL_PX // 2
    assert tuple(sheet[middle[1], middle[0]]) == (255, 255, 255)
    assert tuple(sheet[middle[1], middle[0] + round(3 * per_m)]) == (0, 224, 192)
