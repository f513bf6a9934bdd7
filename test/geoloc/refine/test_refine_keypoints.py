# SPDX-License-Identifier: Apache-2.0
"""Matched points give a similarity, a verdict and a covariance, with SIFT and with a fake matcher."""

import math

import numpy as np
import pytest

from geoloc.refine import Verdict
from geoloc.refine.keypoints import KeypointRegistration, Matches, SiftMatcher, agreeing, fit_similarity
from refine_scene import GSD_M, SIDE_PX, patch_of, town, view_of

TOWN = town(1)
BY_SIFT = KeypointRegistration(SiftMatcher())
PATCH = patch_of(TOWN)


class FakeMatcher:
    """Matches `right` points by a known similarity, with noise of `noise_px`, and `wrong` random ones."""

    name = "fake"

    def __init__(self, right=60, wrong=30, noise_px=0.5, seed=0, **truth):
        self._counts, self._noise_px, self._truth = (right, wrong), noise_px, truth
        self._rng = np.random.default_rng(seed)

    def match(self, view, patch, valid):
        right, wrong = self._counts
        side = len(view)
        before = self._rng.uniform(-side / 2, side / 2, (right + wrong, 2))
        turn, scale = self._truth.get("heading_rad", 0.0), self._truth.get("scale", 1.0)
        cos, sin = scale * math.cos(turn), scale * math.sin(turn)
        shift = np.array([self._truth.get("east_m", 0.0), -self._truth.get("north_m", 0.0)]) / GSD_M
        after = before @ np.array([[cos, -sin], [sin, cos]]).T + shift
        after += self._rng.normal(0.0, self._noise_px, after.shape)
        after[right:] = self._rng.uniform(-side, side, (wrong, 2))
        return Matches(before + (side - 1) / 2, after + (len(patch) - 1) / 2)


def by_fake(**options):
    method = KeypointRegistration(FakeMatcher(**options))
    return method.register(view_of(TOWN), PATCH)


@pytest.mark.parametrize(
    ("east_m", "north_m", "heading_deg", "scale"),
    [(0.0, 0.0, 0.0, 1.0), (7.3, -4.1, 0.0, 1.0), (3.0, 5.0, 8.0, 1.0), (-9.1, 8.4, -9.0, 1.08)],
)
@pytest.mark.parametrize("how", ["sift", "fake"])
def test_shift_turn_and_scale_are_found(how, east_m, north_m, heading_deg, scale):
    truth = {"east_m": east_m, "north_m": north_m, "heading_rad": math.radians(heading_deg), "scale": scale}
    found = by_fake(**truth) if how == "fake" else BY_SIFT.register(view_of(TOWN, **truth), PATCH)
    assert found.verdict is Verdict.CONFIRMED, found.sentence
    assert math.hypot(found.east_m - east_m, found.north_m - north_m) < GSD_M / 2
    assert math.degrees(found.rotation_rad) == pytest.approx(heading_deg, abs=0.5)
    assert found.scale == pytest.approx(scale, abs=0.01)
    assert found.inliers >= 8
    assert found.score == found.inliers


@pytest.mark.parametrize("seed", range(4))
def test_another_place_is_undecided(seed):
    found = BY_SIFT.register(view_of(town(seed + 10)), PATCH)
    assert found.verdict is Verdict.UNDECIDED
    assert "matched points agree" in found.sentence


@pytest.mark.parametrize("view", [np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8), view_of(TOWN)])
def test_without_texture_there_are_no_points(view):
    bare = patch_of(np.full_like(TOWN, 120))
    found = BY_SIFT.register(view, bare)
    assert (found.verdict, found.inliers) == (Verdict.UNDECIDED, 0)
    assert math.isnan(found.north_m)


def test_points_are_not_taken_from_where_the_map_has_no_imagery():
    valid = np.ones(TOWN.shape[:2], bool)
    valid[:, :190] = False
    patch = patch_of(TOWN, valid)
    matches = SiftMatcher().match(view_of(TOWN), patch.rgb, patch.valid)
    assert len(matches.patch) > 10
    columns = np.rint(matches.patch[:, 0]).astype(int)
    rows = np.rint(matches.patch[:, 1]).astype(int)
    assert patch.valid[rows, columns].all()


def test_few_points_that_agree_are_not_enough():
    assert by_fake(right=5, wrong=20).verdict is Verdict.UNDECIDED
    assert by_fake(right=0, wrong=40, seed=3).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("truth", [{"heading_rad": math.radians(25.0)}, {"scale": 1.4}])
def test_a_place_that_fits_only_turned_or_stretched_is_undecided(truth):
    found = by_fake(**truth)
    assert found.verdict is Verdict.UNDECIDED
    assert "turned by" in found.sentence


def test_no_points_are_no_error():
    found = by_fake(right=0, wrong=0)
    assert (found.verdict, found.inliers) == (Verdict.UNDECIDED, 0)


@pytest.mark.parametrize("bend", [np.diag([1.0, 1.6]), np.diag([1.0, -1.0])])
def test_sheared_and_mirrored_ground_does_not_agree(bend):
    points = np.random.default_rng(0).uniform(-50, 50, (40, 2))
    before, after = agreeing(points, points @ bend)
    assert len(before) == len(after) == 0


def test_a_similarity_is_fitted_exactly():
    points = np.random.default_rng(0).uniform(-50, 50, (12, 2))
    turn = np.array([[0.0, -2.0], [2.0, 0.0]])
    fit = fit_similarity(points, points @ turn.T + (3.0, 4.0))
    assert fit.rotation_rad == pytest.approx(math.pi / 2)
    assert fit.scale == pytest.approx(2.0)
    np.testing.assert_allclose(fit.shift, (3.0, 4.0))
    np.testing.assert_allclose(fit.covariance, 0.0, atol=1e-12)


def test_covariance_means_what_it_says():
    found = [by_fake(east_m=2.0, right=30, wrong=0, noise_px=2.0, seed=seed) for seed in range(40)]
    errors = np.array([(one.east_m - 2.0, one.north_m) for one in found])
    normalised = [e @ np.linalg.solve(one.covariance_m2, e) for e, one in zip(errors, found, strict=True)]
    assert 0.1 < np.mean(normalised) / 2 < 3.0
