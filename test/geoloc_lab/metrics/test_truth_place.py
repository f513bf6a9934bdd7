# SPDX-License-Identifier: Apache-2.0
"""A truth far from the map is noted, and one with swapped columns refused."""

import pytest

import toy_map
from geoloc.errors import BagError
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.metrics.truth_place import place_remarks

MAP = toy_map.toy_map(toy_map.ToyEncoder())  # at 47° N, 8° E


def track(*places):
    return TruthTrack.of([(10**9 * (i + 1), *place) for i, place in enumerate(places)], "rtk.csv")


def test_a_truth_that_reaches_the_map_needs_no_remark():
    assert place_remarks(track((47.5, 8.0), (47.001, 8.001)), MAP) == []


def test_swapped_columns_are_refused():
    with pytest.raises(BagError, match=r"rtk\.csv is 5687 km .* on it with latitude and longitude swapped"):
        place_remarks(track((8.0, 47.0)), MAP)


def test_a_truth_of_another_area_is_noted_with_its_distance():
    (said,) = place_remarks(track((48.0, 8.0), (48.5, 120.0)), MAP)
    assert said.startswith("the truth is 111 km from the map, so no answer can be right")
