# SPDX-License-Identifier: Apache-2.0
"""Fusion of a belief with a registration; a frame that cannot be refined keeps its belief."""

import dataclasses
import math
import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from geoloc.camera.views import View
from geoloc.encoder.calibration import Calibration
from geoloc.errors import ParameterError, Reason
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.mapping.directory import open_map
from geoloc.query import Query
from geoloc.refine.stage import GATE, Estimate, RefineStage, fused
from refine_scene import ENCODER, SIDE_PX, VIEW_M, build_town_map, centre_of, tilted_view_of, town, view_of

TOWN = town(4, side_px=500)
HERE = np.zeros(2)
ALONE = LocalizerSettings(filter=False, refine="ncc")
PLACES = [(-13.0, 21.0), (30.0, -41.0), (-55.0, 4.0), (8.0, 60.0)]


@pytest.fixture(scope="module")
def town_map(tmp_path_factory):
    return build_town_map(tmp_path_factory.mktemp("stage"), TOWN)


def seen(east_m, north_m, offset_m=(0.0, 0.0)):
    """Return a noisy view of the town that the encoder of these tests still recognizes."""
    clear = view_of(TOWN, east_m, north_m, math.radians(1.0), 1.01, side_px=SIDE_PX)
    noise = np.random.default_rng(0).normal(0.0, 2.0, clear.shape)
    image = np.clip(clear + noise, 0, 255).astype(np.uint8)
    return View(image[None], VIEW_M / SIDE_PX, *offset_m, 60.0, 1, 1.0)


def belief(town_map, off_m, sigma_m, place=(-13.0, 21.0)):
    truth = np.array(centre_of(town_map, *place))
    return truth, Estimate(truth + off_m, np.eye(2) * sigma_m**2)


def test_the_answer_is_nearer_the_truth_and_surer(town_map):
    plain = Localizer(town_map, ENCODER, dataclasses.replace(ALONE, refine="off"))
    refining = Localizer(town_map, ENCODER, ALONE)
    for place in PLACES:
        view, truth_m = seen(*place), centre_of(town_map, *place)
        before, after = plain.localize(view), refining.localize(view)
        was_m = math.dist((before.east_m, before.north_m), truth_m)
        assert math.dist((after.east_m, after.north_m), truth_m) < min(1.0, was_m)
        assert np.trace(after.covariance_m2) < np.trace(before.covariance_m2)
        assert np.linalg.eigvalsh(after.covariance_m2)[0] >= after.attitude_m**2 > 0.0
        east_m, north_m = town_map.frame.to_local(after.latitude_deg, after.longitude_deg)
        assert (float(east_m), float(north_m)) == pytest.approx((after.east_m, after.north_m), abs=1e-6)
    assert refining.refinement.facts() == {"refine": "ncc", "refined": len(PLACES), "not_refined": 0}
    assert plain.refinement.facts() == {"refine": "off"}


def test_the_camera_stands_beside_the_view_s_centre(town_map):
    fix = Localizer(town_map, ENCODER, ALONE).localize(seen(-13.0, 21.0, offset_m=(6.0, -9.0)))
    assert (fix.east_m, fix.north_m) == pytest.approx(centre_of(town_map, -7.0, 12.0), abs=1.0)


def test_a_filter_s_belief_is_refined_too(town_map):
    localizer = Localizer(town_map, ENCODER, LocalizerSettings(refine="ncc"))
    near = map(float, town_map.frame.to_geodetic(*centre_of(town_map, -16.0, 24.0)))
    localizer.add_hint(1, *near, np.eye(2) * 16.0)
    fix = localizer.localize(seen(-13.0, 21.0))
    assert fix.reason is None, fix.sentence
    assert (fix.east_m, fix.north_m) == pytest.approx(centre_of(town_map, -13.0, 21.0), abs=1.0)
    assert localizer.refinement.refined == 1


def test_a_belief_above_max_sigma_m_is_answered_if_refined(town_map):
    plain = Localizer(town_map, ENCODER, dataclasses.replace(ALONE, refine="off"))
    sigma_m = math.sqrt(np.trace(plain.localize(seen(-13.0, 21.0)).covariance_m2))
    strict = dataclasses.replace(ALONE, max_sigma_m=0.9 * sigma_m)
    assert Localizer(town_map, ENCODER, strict).localize(seen(-13.0, 21.0)).reason is None
    unrefined = Localizer(town_map, ENCODER, dataclasses.replace(strict, refine="off"))
    assert unrefined.localize(seen(-13.0, 21.0)).reason is Reason.UNSURE


def test_a_refined_covariance_counts_as_measured_only_where_registration_was(town_map):
    beliefs = Calibration(-1.0, 0.0, "flights", measured={"frames": 100})
    both = dataclasses.replace(beliefs, registration_m=0.4, measured={"registration": {"fixes": 100}})
    view = seen(-13.0, 21.0)
    localizer = Localizer(town_map, ENCODER, dataclasses.replace(ALONE, calibration=beliefs))
    fix = localizer.localize(view)
    assert (fix.is_refined, fix.is_calibrated) == (True, False)
    plain = localizer.answer(Query(2, ENCODER.describe(view.images)[0]))
    assert (plain.is_refined, plain.is_calibrated) == (False, True)
    assert localizer.refinement.last_reason == "no view came with the descriptor."
    known = Localizer(town_map, ENCODER, dataclasses.replace(ALONE, calibration=both)).localize(view)
    assert (known.is_refined, known.is_calibrated) == (True, True)
    np.testing.assert_allclose(known.covariance_m2, fix.covariance_m2 + np.eye(2) * 0.4**2)


def test_ground_without_imagery_leaves_the_belief(town_map):
    stage = RefineStage(town_map, "ncc")
    _, believed = belief(town_map, (2.0, -1.0), 5.0)
    other = view_of(town(9, side_px=500), side_px=SIDE_PX)
    assert stage.refine(believed, other, HERE) is believed
    assert (stage.refined, stage.not_refined) == (0, 1)
    assert stage.last_reason.startswith(("undecided: ", "contradicted: "))
    assert stage.facts()["not_refined_last"] == stage.last_reason


def test_a_registration_that_disagrees_is_answered_with_a_covariance_that_includes_the_belief(town_map):
    stage, view = RefineStage(town_map, "ncc"), seen(-13.0, 21.0).image
    truth, sure = belief(town_map, (4.0, -3.0), 0.5)
    answered = stage.refine(sure, view, HERE)
    assert math.dist(answered.mean_m, truth) < 0.5
    away_m = sure.mean_m - answered.mean_m
    assert away_m @ np.linalg.solve(answered.covariance_m2, away_m) == pytest.approx(9.0, rel=0.2)
    _, unsure = belief(town_map, (4.0, -3.0), 5.0)
    joined = stage.refine(unsure, view, HERE)
    assert math.dist(joined.mean_m, truth) < 0.5
    assert np.trace(joined.covariance_m2) < np.trace(answered.covariance_m2) / 2
    assert (stage.refined, stage.not_refined) == (2, 0)


def test_the_measured_error_of_registration_is_added(town_map):
    _, believed = belief(town_map, (0.2, 0.1), 3.0)
    plain, measured = (
        RefineStage(town_map, "ncc", registration_m=more_m).refine(believed, seen(-13.0, 21.0).image, HERE)
        for more_m in (0.0, 0.5)
    )
    np.testing.assert_allclose(measured.covariance_m2, plain.covariance_m2 + np.eye(2) * 0.25)


def test_of_several_hypotheses_the_most_likely_is_refined(town_map):
    settings = dataclasses.replace(ALONE, filter=True, hypotheses=Hypotheses(heading_error_deg=180.0))
    localizer, count = Localizer(town_map, ENCODER, settings), settings.hypotheses.count
    believed = int(np.argmin(np.abs(settings.hypotheses.turns_deg - 90.0)))
    images = np.random.default_rng(0).integers(0, 255, (count, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    images[believed] = seen(-13.0, 21.0).image
    localizer.add_hint(
        1, *map(float, town_map.frame.to_geodetic(*centre_of(town_map, -16.0, 24.0))), np.eye(2) * 16.0
    )
    descriptors = ENCODER.describe(images)
    fix = localizer.answer(Query(2, descriptors, views=images))
    assert fix.reason is None, fix.sentence
    assert localizer.heading_offset_deg == pytest.approx(90.0, abs=20.0)
    assert localizer.refinement.refined == 1
    assert math.dist((fix.east_m, fix.north_m), centre_of(town_map, -13.0, 21.0)) < 1.0


TILTED_DEG, TILTED_HEIGHT_M = np.array([-5.0, 3.0]), 50.0


def tilted(place, tilt_deg=TILTED_DEG):
    """Return a view whose roll and pitch are wrong, of a camera above a place."""
    image = tilted_view_of(TOWN, np.radians(tilt_deg), TILTED_HEIGHT_M, *place)
    return View(image[None], VIEW_M / SIDE_PX, 0.0, 0.0, TILTED_HEIGHT_M, 1, 1.0)


def test_an_estimated_tilt_moves_the_answer_to_the_camera(town_map):
    poor = dataclasses.replace(ALONE, attitude_error_deg=6.0)
    for place in PLACES[:2]:
        truth_m = centre_of(town_map, *place)
        shifted, corrected = (
            Localizer(town_map, ENCODER, settings).localize(tilted(place))
            for settings in (poor, dataclasses.replace(poor, estimate_tilt=True))
        )
        was_m, error_m = (np.array([fix.east_m, fix.north_m]) - truth_m for fix in (shifted, corrected))
        assert np.hypot(*was_m) > 4.0
        assert np.hypot(*error_m) < 1.0
        assert np.trace(corrected.covariance_m2) < np.trace(shifted.covariance_m2) / 4
        assert error_m @ np.linalg.solve(corrected.covariance_m2, error_m) < 9.0
        assert was_m @ np.linalg.solve(shifted.covariance_m2, was_m) < 9.0


def test_an_attitude_that_is_worse_than_stated_widens_the_answers_and_is_said(town_map):
    localizer, rng = Localizer(town_map, ENCODER, ALONE), np.random.default_rng(2)
    for count in range(8):
        place = PLACES[count % 2]
        fix = localizer.localize(tilted(place, rng.normal(0.0, 6.0, 2)))
        error_m = np.array([fix.east_m, fix.north_m]) - centre_of(town_map, *place)
        assert error_m @ np.linalg.solve(fix.covariance_m2, error_m) < 13.8
    seen_deg = localizer.refinement.attitude.error_deg
    assert 3.5 < seen_deg < 9.0
    assert fix.attitude_m >= TILTED_HEIGHT_M * math.tan(math.radians(seen_deg)) * 0.95
    assert "attitude_error_deg is 1.5" in localizer.refinement.attitude.concern
    assert float(localizer.refinement.facts()["tilt_seen_deg"]) == pytest.approx(seen_deg, abs=0.1)


def test_the_measured_scale_and_heading_mend_the_offset_to_the_camera(town_map):
    stage, truth_m = RefineStage(town_map, "ncc"), np.array(centre_of(town_map, -13.0, 21.0))
    image = view_of(TOWN, -13.0, 21.0, math.radians(4.0), 0.92, side_px=SIDE_PX)
    true_offset_m, turn = np.array([30.0, -40.0]), np.radians(4.0)
    back = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    assumed_m = back @ true_offset_m / 0.92
    believed = Estimate(truth_m + true_offset_m + (3.0, 2.0), np.eye(2) * 25.0)
    refined = stage.refine(believed, image, assumed_m)
    assert math.dist(refined.mean_m, truth_m + true_offset_m) < 1.5
    assert math.dist(truth_m + assumed_m, truth_m + true_offset_m) > 4.0


BAD_VIEWS = {
    "none": None,
    "grey": np.zeros((SIDE_PX, SIDE_PX), np.uint8),
    "wider than high": np.zeros((SIDE_PX, SIDE_PX + 8, 3), np.uint8),
    "tiny": np.zeros((8, 8, 3), np.uint8),
    "numbers": np.full((SIDE_PX, SIDE_PX, 3), math.nan),
    "empty": np.zeros((0, 0, 3), np.uint8),
    "of one colour": np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8),
    "as large as it likes": np.full((3 * SIDE_PX, 3 * SIDE_PX, 3), 90, np.uint8),
}


@pytest.mark.parametrize("method", ["ncc", "sift"])
@pytest.mark.parametrize("image", BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_a_bad_view_costs_the_refinement_alone(town_map, image, method):
    stage, (_, believed) = RefineStage(town_map, method), belief(town_map, (2.0, 1.0), 5.0)
    assert stage.refine(believed, image, HERE) is believed
    assert stage.not_refined == 1
    assert stage.last_reason


BAD_BELIEFS = {
    "NaN covariance": Estimate(HERE, np.full((2, 2), math.nan)),
    "infinite covariance": Estimate(HERE, np.full((2, 2), math.inf)),
    "NaN place": Estimate(np.array([math.nan, 0.0]), np.eye(2)),
}


@pytest.mark.parametrize("believed", BAD_BELIEFS.values(), ids=BAD_BELIEFS)
def test_a_belief_that_is_no_number_is_left_alone(town_map, believed):
    stage = RefineStage(town_map, "ncc")
    assert stage.refine(believed, seen(0.0, 0.0).image, HERE) is believed
    assert stage.last_reason == "the belief is not finite."


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_map_without_its_picture_still_answers(town_map, tmp_path, damage):
    shutil.copytree(town_map.path, tmp_path / "map")
    opened, picture = open_map(tmp_path / "map"), tmp_path / "map" / "raster.tif"
    if damage == "missing":
        picture.unlink()
    else:
        picture.write_bytes(picture.read_bytes()[:500])
    localizer = Localizer(opened, ENCODER, ALONE)
    assert localizer.localize(seen(-13.0, 21.0)).reason is None
    assert localizer.refinement.not_refined == 1
    assert "raster.tif" in localizer.refinement.last_reason


def test_an_unknown_method_is_refused_before_the_flight(town_map):
    with pytest.raises(ParameterError, match="refine is 'superglue'; it must be one of auto, ncc"):
        LocalizerSettings(refine="superglue")
    with pytest.raises(ParameterError, match="refine is 'features'; it must be one of auto, ncc, sift"):
        LocalizerSettings(refine="features")
    with pytest.raises(ParameterError, match="weights"):
        Localizer(town_map, None, LocalizerSettings(refine="lightglue"))


@hypothesis_settings(deadline=None)
@given(
    st.lists(st.floats(0.3, 5.0), min_size=4, max_size=4),
    st.floats(-0.9, 0.9),
    st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=2),
)
def test_the_mean_is_weighted_by_precision(sigmas, correlation, apart_m):
    east, north, *round_m = sigmas
    cross = correlation * east * north
    one = Estimate(np.array([7.0, -2.0]), np.array([[east**2, cross], [cross, north**2]]))
    other = Estimate(one.mean_m + apart_m, np.diag(np.square(round_m)))
    if np.array(apart_m) @ np.linalg.solve(one.covariance_m2 + other.covariance_m2, apart_m) > GATE:
        far = fused(one, other)
        assert np.trace(far.covariance_m2) > np.trace(other.covariance_m2)
        np.testing.assert_array_equal(far.mean_m, other.mean_m)
        return
    both = fused(one, other)
    precisions = np.linalg.inv(one.covariance_m2), np.linalg.inv(other.covariance_m2)
    covariance = np.linalg.inv(precisions[0] + precisions[1])
    mean = covariance @ (precisions[0] @ one.mean_m + precisions[1] @ other.mean_m)
    np.testing.assert_allclose(both.covariance_m2, covariance, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(both.mean_m, mean, rtol=1e-6)
