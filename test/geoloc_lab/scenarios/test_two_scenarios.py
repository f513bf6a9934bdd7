# SPDX-License-Identifier: Apache-2.0
"""Tests scenarios over a toy ground with the real localizer: consistent covariances, no false fixes.

No images are rendered: a descriptor encodes the position of a place, and a season hides a part of it.
"""

import numpy as np
import pytest

import toy_map
from geoloc.encoder.calibration import Calibration
from geoloc.filter import LikelihoodModel
from geoloc.localizer import Localizer, LocalizerSettings
from geoloc.query import Query
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.flight_simulator.disturbances import fly_disturbed
from geoloc_lab.flight_simulator.flight_plan import FlightPlan, pattern_waypoints
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.records import Recorder
from geoloc_lab.scenarios.definitions import SCENARIOS
from geoloc_lab.scenarios.outcome import outcome_of

ENCODER = toy_map.ToyEncoder()
SEASON = toy_map.ToyEncoder(seed=99, reach_m=12.0)
MAP = toy_map.toy_map(ENCODER, east=(-600, 600), north=(-600, 600))
LIKELIHOOD_MODEL = LikelihoodModel(temperature=0.04, outlier_share=0.05, independent_drop=0.3, resolution=0.0)
# Calibrated on both scenarios with the seeds 300 to 309.
CALIBRATION = Calibration(-1.0, 0.0, "on this ground, on other flights than these", covariance_scale=0.179)
BOUNDS = (-520.0, -520.0, 520.0, 520.0)


def described(places_m):
    seen = ENCODER.at(*places_m.T) + 1.5 * SEASON.at(*places_m.T)
    return (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)


def flight(scenario, seed):
    """Fly a scenario over the toy ground, localize it, and return the answers."""
    plan = FlightPlan(
        pattern_waypoints(scenario.course, BOUNDS, margin_m=0.0, seed=seed),
        speed_mps=scenario.speed_mps,
        frame_rate_hz=1.25,
        imu_rate_hz=10.0,
        max_duration_s=scenario.duration_s,
    )
    flown = fly_disturbed(plan, scenario.errors, scenario.disturbances, seed)
    stamps, truth_m = flown.trajectory.stamp_ns, flown.readings.truth_m[:, :2]
    degrees = np.stack(MAP.frame.to_geodetic(*truth_m.T), axis=1).tolist()
    track = [(int(stamp), *place) for stamp, place in zip(stamps, degrees, strict=True)]
    recorder = Recorder(MAP, TruthTrack.of(track, "the simulation"))
    localizer = Localizer(
        MAP,
        None,
        LocalizerSettings(likelihood_model=LIKELIHOOD_MODEL, calibration=CALIBRATION, attitude_error_deg=0.0),
    )
    for stamp, place in zip(stamps, flown.readings.odom_position_m, strict=True):
        localizer.add_odometry(int(stamp), (float(place[0]), float(place[1])))
    ticks = flown.trajectory.frame_ticks
    views = described(truth_m[ticks])
    fixes = [
        localizer.answer(Query(int(stamps[tick]), view)) for view, tick in zip(views, ticks, strict=True)
    ]
    return Answers.of([recorder.record(fix) for fix in fixes])


@pytest.fixture(scope="module")
def outcomes():
    names, seeds = ("straight-leg", "kidnap"), range(40, 44)
    return {name: outcome_of([flight(SCENARIOS[name], seed) for seed in seeds]) for name in names}


@pytest.mark.parametrize("name", ["straight-leg", "kidnap"])
def test_the_covariance_is_consistent_and_no_fix_is_false(outcomes, name):
    outcome = outcomes[name]
    low, high = outcome.band
    assert low <= outcome.nees <= high
    assert outcome.false == {50: 0.0, 100: 0.0}
    assert outcome.availability >= 0.95
    assert outcome.frames_to_fix <= 10
    assert outcome.median_m <= toy_map.PITCH_M / 4


def test_after_a_kidnap_the_drone_is_found_again_within_seconds(outcomes):
    assert len(outcomes["kidnap"].back_s) == 4
    assert max(outcomes["kidnap"].back_s) <= 5.0
