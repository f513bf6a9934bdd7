# SPDX-License-Identifier: Apache-2.0
"""Contact sheets of clusters: choice of rows and images, and red frames."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from geoloc.errors import RasterError
from geoloc_training.items import Item
from geoloc_training.methods.dmnil.sheets import Members, chosen_clusters, sheet

RED, WHITE = (214, 39, 40), (255, 255, 255)
CELL, HEAD = 96, 44


@pytest.fixture
def members(tmp_path):
    """Three queries of place a and one of b in cluster 0, two of b in 1; three references of a, b and c."""

    def items(view, ids):
        made = []
        for number, name in enumerate(ids):
            path = tmp_path / f"{view}{number}.png"
            # A distinct grey identifies each image in the sheet.
            grey = 10 * (number + 1) + (100 if view == "r" else 0)
            cv2.imwrite(str(path), np.full((8, 8, 3), grey, np.uint8))
            made.append(Item(name, view, path))
        return made

    features = np.eye(3, 4, dtype=np.float32)
    return Members(
        (items("q", "aaabbb"), items("r", "abc")),
        (features[[0, 0, 0, 0, 1, 1]], features[[1, 0, 2]]),
        (np.array([0, 0, 0, 0, 1, 1]), np.array([1, 0, -1])),
        shared=True,
    )


def _row(picture, number):
    """Return grey and frame of each image of a row, 0 for none; queries, then references."""
    row = picture[HEAD + CELL * number :][:CELL]
    begins = [CELL * (1 + place) for place in range(7)]
    begins += [CELL * (8 + place) + CELL // 8 for place in range(4)]
    cells = [row[:, begin : begin + CELL] for begin in begins]
    shown = [(int(cell[48, 48, 0]) % 255, tuple(cell[1, 48].tolist())) for cell in cells]
    assert len({len(cell[0]) for cell in cells}) == 1
    return [sorted(cell for cell in half if cell[0]) for half in (shown[:7], shown[7:])]


def test_a_row_shows_both_views_of_a_label_and_red_is_another_place(members):
    picture = sheet(members, 3, 1)
    assert picture.shape[0] == HEAD + 2 * CELL
    assert _row(picture, 0) == [[(10, WHITE), (20, WHITE), (30, WHITE), (40, RED)], [(120, RED)]]
    assert _row(picture, 1) == [[(50, WHITE), (60, WHITE)], [(110, RED)]]


def test_before_labels_are_shared_the_nearest_centroid_stands_on_the_right(members):
    """Test other numbers, where cluster 0 of the map resembles cluster 1 of the queries."""
    apart = replace(members, labels=(members.labels[0], np.array([0, 1, 2])), shared=False)
    assert _row(sheet(apart, 0, 1), 0)[1] == [(120, RED)]
    assert _row(sheet(apart, 0, 1), 1)[1] == [(110, RED)]


def test_a_label_without_references_has_an_empty_half(members):
    lonely = replace(members, labels=(members.labels[0], np.array([1, 1, 1])))
    assert _row(sheet(lonely, 0, 1), 0)[1] == []
    assert [grey for grey, _ in _row(sheet(lonely, 0, 1), 1)[1]] == [110, 120, 130]


def test_without_known_places_no_frame_is_red(members):
    nameless = tuple([replace(item, id="") for item in side] for side in members.items)
    picture = sheet(replace(members, items=nameless), 0, 1)
    assert {frame for row in (0, 1) for half in _row(picture, row) for _, frame in half} == {WHITE}


def test_the_seed_selects_the_images(members):
    many = replace(
        members,
        items=(members.items[0] * 9, members.items[1]),
        features=(np.tile(members.features[0], (9, 1)), members.features[1]),
        labels=(np.tile(members.labels[0], 9), members.labels[1]),
    )
    assert np.array_equal(sheet(many, 0, 1), sheet(many, 0, 1))
    assert not np.array_equal(sheet(many, 0, 1), sheet(many, 0, 2))


def test_a_missing_image_is_a_sentence(members):
    members.items[0][0].path.unlink()
    with pytest.raises(RasterError, match=r"q0\.png cannot be read"):
        sheet(members, 0, 1)


def test_largest_median_and_smallest_clusters_are_chosen():
    sizes = np.random.default_rng(0).permutation(np.arange(1, 31))
    labels = np.repeat(np.arange(30), sizes)
    labels = np.concatenate([labels, np.full(40, -1)])
    found = chosen_clusters(labels, np.random.default_rng(1))
    assert sizes[found].tolist() == [30, 29, 28, 27, 17, 16, 15, 14, 4, 3, 2, 1]


@pytest.mark.parametrize("count", [1, 12, 13])
def test_few_clusters_are_all_chosen_and_none_twice(count):
    found = chosen_clusters(np.arange(count), np.random.default_rng(1)).tolist()
    assert len(found) == len(set(found)) == min(count, 12)
