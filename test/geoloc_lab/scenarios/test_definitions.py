# SPDX-License-Identifier: Apache-2.0
"""Tests the list of scenarios, the featureless leg, and the season change."""

import math

import numpy as np
import pytest

from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame
from geoloc_lab.flight_simulator.disturbances import CompassBias, Dropout, HeightBias, Kidnap, LateFrames
from geoloc_lab.flight_simulator.featureless import featureless_leg
from geoloc_lab.scenarios.definitions import SCENARIOS, Scenario, chosen
from geoloc_lab.world.season_change import SeasonChange, changed

WANTED = {
    "straight-leg", "survey", "orbit", "low-texture", "turn-180", "kidnap", "dropout", "height-bias",
    "compass-bias", "latency", "motion-blur", "unknown-start",
}  # fmt: skip


def only(name, kind):
    (found,) = (one for one in SCENARIOS[name].disturbances if isinstance(one, kind))
    return found


def test_every_scenario_has_a_seed_and_a_sentence_of_its_own():
    assert set(SCENARIOS) == WANTED
    assert len({scenario.seed for scenario in SCENARIOS.values()}) == len(SCENARIOS)
    assert len({scenario.shows for scenario in SCENARIOS.values()}) == len(SCENARIOS)


def test_scenarios_are_as_hard_as_described():
    assert only("dropout", Dropout).duration_s == 30.0
    assert only("height-bias", HeightBias).share == 0.10
    assert only("compass-bias", CompassBias).clockwise_deg == 15.0
    assert only("latency", LateFrames).late_s == 0.5
    kidnap = only("kidnap", Kidnap)
    assert math.hypot(kidnap.east_m, kidnap.north_m) > 450.0
    blurred = SCENARIOS["motion-blur"]
    assert blurred.camera.exposure_s * blurred.speed_mps > 1.5
    assert [name for name, scenario in SCENARIOS.items() if scenario.far_and_wide] == ["unknown-start"]


def test_scenarios_are_chosen_by_name_and_keep_their_order():
    assert chosen([]) == list(SCENARIOS.values())
    assert [scenario.name for scenario in chosen(["kidnap", "orbit"])] == ["orbit", "kidnap"]


@pytest.mark.parametrize("name", ["", "kidnapping", "world/kidnap"])
def test_an_unknown_scenario_is_refused_with_a_list_of_names(name):
    with pytest.raises(ParameterError, match="unknown-start"):
        chosen(["orbit", name])


def test_an_unknown_course_is_refused():
    with pytest.raises(ParameterError, match="zigzag"):
        Scenario("odd", "nothing", course="zigzag")


class HalfPlain:
    """Ground that is chequered in the west and plain in the east, without imagery in the far east."""

    frame = LocalFrame(47.0, 8.0)
    gsd_m = 1.0
    bounds_m = (-400.0, -300.0, 400.0, 300.0)

    def window(self, left_m, top_m, width_px, height_px, gsd_m):
        east = left_m + (np.arange(width_px) + 0.5) * gsd_m
        north = top_m - (np.arange(height_px) + 0.5) * gsd_m
        chequered = ((east // 20)[None] + (north // 20)[:, None]) % 2 * 120 + 60
        grey = np.where(east[None] < 0, chequered, 100).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2), np.broadcast_to(east < 300, grey.shape)


def test_the_featureless_leg_lies_over_plain_ground_but_not_outside_the_imagery():
    start, end = featureless_leg(HalfPlain(), 200.0, 50.0)
    assert math.dist(start, end) == pytest.approx(200.0)
    assert all(60.0 < east < 250.0 and abs(north) <= 250.0 for east, north in (start, end))


def test_a_leg_longer_than_the_imagery_is_refused():
    with pytest.raises(ParameterError, match="no leg of 900 m"):
        featureless_leg(HalfPlain(), 900.0, 50.0)


def woods(side=200):
    """Bare woods beside a meadow, and a road between them."""
    rng = np.random.default_rng(1)
    picture = np.empty((side, side, 3), np.float32)
    picture[:] = (90, 75, 62)
    picture += rng.normal(0, 22, (side, side, 1))
    picture[:, side // 2 :] = (110, 150, 80)
    picture[:, side // 2 - 5 : side // 2 + 5] = 180
    return np.clip(picture, 0, 255).astype(np.uint8)


def test_the_changed_season_has_leafy_woods_and_dry_grass():
    plain = SeasonChange(light=0.0, sensor=0.0, things=0.0, registration_m=0.0)
    before, after = woods().astype(float), changed(woods(), 1.0, plain).astype(float)
    wood, meadow, road = (np.s_[:, 20:70], np.s_[:, 130:190], np.s_[:, 97:103])
    red, green, blue = after[wood].mean(axis=(0, 1))
    assert green > red + 10
    assert green > blue + 10
    red, green, _ = after[meadow].mean(axis=(0, 1))
    assert red > green
    np.testing.assert_allclose(after[road].mean(), before[road].mean(), atol=12)


def test_a_season_change_of_strength_0_changes_nothing():
    nothing = SeasonChange(plants=0.0, light=0.0, sensor=0.0, things=0.0, registration_m=0.0)
    assert np.abs(changed(woods(), 1.0, nothing).astype(int) - woods()).max() <= 1


def test_the_same_seed_yields_the_same_season():
    first, again, other = (changed(woods(), 1.0, SeasonChange(seed=seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 2.0
    assert np.abs(first.astype(int) - woods()).mean() > 15.0


@pytest.mark.parametrize("name", ["plants", "light", "sensor", "things", "registration_m"])
@pytest.mark.parametrize("value", [-0.1, 11.0, math.nan])
def test_impossible_season_changes_are_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        SeasonChange(**{name: value})
