# SPDX-License-Identifier: Apache-2.0
"""Tests when a photo counts as turned after exposure: by its header or the user, never by the truth."""

from dataclasses import replace

import numpy as np
import pytest

import photo_folder
from geoloc.errors import BagError
from geoloc_lab.photo_flights.attitude import body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.photo_flight import read_photo_flight
from geoloc_lab.photo_flights.photos import Gimbal, read_photo
from geoloc_lab.photo_flights.turning import turned_deg

VIEWER = "Microsoft Windows Photo Viewer 10.0.10240.16384"
SOUTH = (180.0, -90.0, 0.0, 50.0)


def heading_of(flight):
    """Return how well the first frame's attitude agrees with north, and with south."""
    quaternions = [body_quaternion(gimbal_rotation(Gimbal(yaw, -90.0, 0.0))) for yaw in (0.0, 180.0)]
    return [abs(float(np.dot(flight.frames[0].quaternion, q))) for q in quaternions]


def only(folder):
    return read_photo_flight(find_flights(folder)[0])


def test_a_photo_that_a_viewer_saved_is_turned_by_half(tmp_path):
    # The camera's top pointed south; the viewer turned the file, so that its top is north.
    photo_folder.write_folder(tmp_path, gimbal=SOUTH, saved_by=VIEWER)
    flight = only(tmp_path)
    assert heading_of(flight)[0] == pytest.approx(1.0, abs=1e-9)
    assert "P0.JPG" in flight.notes["turned pictures"]
    assert "software that turns pictures" in flight.remarks[0]


def test_a_heading_that_contradicts_the_truth_is_kept_and_told(tmp_path):
    photo_folder.write_folder(tmp_path, gimbal=SOUTH)
    flight = only(tmp_path)
    assert heading_of(flight)[1] == pytest.approx(1.0, abs=1e-9)
    assert "turned pictures" not in flight.notes
    assert "differ from the reconstruction's by 180 degrees" in flight.remarks[0]


def test_the_table_may_state_the_turn(tmp_path):
    folder = photo_folder.write_folder(tmp_path, gimbal=SOUTH)
    row = photo_folder.row_of("P0.JPG", photo_folder.PLACES[0]) | {"turned_deg": "180"}
    photo_folder.write_table(folder / "queries.csv", [row])
    flight = only(tmp_path)
    assert heading_of(flight)[0] == pytest.approx(1.0, abs=1e-9)
    assert flight.remarks == ()
    photo_folder.write_table(folder / "queries.csv", [row | {"turned_deg": "45"}])
    with pytest.raises(BagError, match="turned_deg is 45; give 0, 90, 180 or 270"):
        only(tmp_path)


def test_a_quarter_turn_needs_the_user(tmp_path):
    written = read_photo(photo_folder.write_photo(tmp_path / "b.jpg", gimbal=SOUTH))
    tall = replace(written, width=300, height=400, size_at_exposure=(4000, 3000))
    with pytest.raises(BagError, match=r"b\.jpg was turned by a quarter after exposure; use the file"):
        turned_deg(tall, None)
    assert turned_deg(tall, 90.0) == 90.0
    assert turned_deg(replace(tall, size_at_exposure=(3000, 4000)), None) == 0.0
