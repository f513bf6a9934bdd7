# SPDX-License-Identifier: Apache-2.0
"""Parts of a view: each is found where the map shows it."""

import numpy as np

from geoloc.refine.orientation import Edges
from geoloc.refine.parts import match_parts
from refine_scene import town

SIDE_PX, ROOM_PX = 96, 20
GROUND = town(4, side_px=SIDE_PX + 2 * ROOM_PX)
WHOLE = np.ones(GROUND.shape[:2], np.float32)


def edges_at(right_px, down_px):
    top, left = ROOM_PX + down_px, ROOM_PX + right_px
    view = GROUND[top : top + SIDE_PX, left : left + SIDE_PX]
    return Edges.of(view, np.ones((SIDE_PX, SIDE_PX), np.float32))


def test_parts_move_as_the_view_does():
    parts = match_parts(edges_at(3, -2), Edges.of(GROUND, WHOLE), reach_px=5)
    assert len(parts) >= 30
    np.testing.assert_allclose(np.median(parts.moved_px, axis=0), (3.0, -2.0), atol=0.1)
    np.testing.assert_allclose(parts.at_px.mean(axis=0), (0.0, 0.0), atol=3.0)


def test_parts_beyond_reach_or_imagery_are_left_out():
    assert len(match_parts(edges_at(9, 9), Edges.of(GROUND, WHOLE), reach_px=4)) < 10
    western = WHOLE.copy()
    western[:, len(GROUND) // 2 :] = 0.0
    parts = match_parts(edges_at(0, 0), Edges.of(GROUND, western), reach_px=4)
    assert len(parts) > 5
    assert parts.at_px[:, 0].max() < SIDE_PX / 8
