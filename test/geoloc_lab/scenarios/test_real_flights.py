# SPDX-License-Identifier: Apache-2.0
"""Tests when a real flight that has a report is localized again."""

import pytest

import photo_folder
import toy_flight
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.scenarios.real_flights import recipe_of


@pytest.mark.parametrize("added", ["images/P9.JPG", "log.bin"])
def test_a_photo_or_a_log_that_is_added_to_a_flight_makes_it_another(tmp_path, added):
    folder = photo_folder.write_folder(tmp_path)
    (folder / "queries.csv").unlink()
    encoder = toy_flight.PixelEncoder()
    before, again = (recipe_of(find_flights(tmp_path)[0], encoder) for _ in range(2))
    (folder / added).write_bytes(b"new")
    assert before == again
    assert recipe_of(find_flights(tmp_path)[0], encoder) != before
