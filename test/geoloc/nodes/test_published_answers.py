# SPDX-License-Identifier: Apache-2.0
"""The answers as published: altitude of `fix`, `map_origin`, `pose`, and `fix` while the clock stands."""

import math
import time
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from geographic_msgs.msg import GeoPointStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import NavSatFix
from std_srvs.srv import Trigger

from flying import HEIGHT_M, MAP, Drone, fly, wait_for
from geoloc.errors import ParameterError
from geoloc.fix import Candidates, Fix
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import LocalizerSettings
from geoloc.nodes import messages_out, topics
from geoloc.nodes.answers import altitude
from geoloc.nodes.settings import AltitudeSettings, RetrievalNodeSettings
from geoloc.settings import fill

FOUND = Fix(1, 47.0, 8.0, 0.0, 0.0, np.eye(2), None, "", Candidates.none(), height_m=80.0)


def retrieval_settings(height_error=0.0, **values):
    localizer = LocalizerSettings(hypotheses=Hypotheses(height_error=height_error))
    return RetrievalNodeSettings("m", "m", localizer, altitude=AltitudeSettings(**values))


def test_by_default_the_altitude_is_unknown():
    altitude_m, variance_m2 = altitude(FOUND, retrieval_settings())
    assert math.isnan(altitude_m)
    assert variance_m2 == messages_out.UNKNOWN_VARIANCE
    assert altitude(FOUND, retrieval_settings(fix_altitude="zero")) == (0.0, messages_out.UNKNOWN_VARIANCE)


@pytest.mark.parametrize(("height_error", "share"), [(0.0, 0.14), (0.3, 0.3)])
def test_the_altitude_above_the_ground_has_the_errors_of_ground_and_height(height_error, share):
    settings = retrieval_settings(
        height_error, fix_altitude="ground", ground_altitude_m=412.0, ground_altitude_error_m=5.0
    )
    altitude_m, variance_m2 = altitude(FOUND, settings)
    assert altitude_m == 492.0
    assert variance_m2 == pytest.approx(25.0 + (share * 80.0) ** 2)
    assert math.isnan(altitude(replace(FOUND, height_m=math.nan), settings)[0])


def test_an_altitude_above_the_ground_needs_its_error():
    with pytest.raises(ParameterError, match="but ground_altitude_error_m is 0; give ground_altitude_m and"):
        AltitudeSettings(fix_altitude="ground", ground_altitude_m=412.0)


@pytest.mark.parametrize("given", ["nan", math.nan])
def test_nan_may_be_written_without_quotes(given):
    assert fill(AltitudeSettings, {"fix_altitude": given}).fix_altitude == "nan"


@pytest.fixture(scope="module")
def high(spinner):
    """The suite with an altitude for navsat_transform_node, and a drone."""
    given = {"fix_altitude": "ground", "ground_altitude_m": 400.0, "ground_altitude_error_m": 3.0}
    nodes = fly(spinner, "high", **given)
    sensors = spinner.add(Drone("high"))
    sensors.await_suite()
    sensors.nodes = nodes
    yield sensors
    for node in (sensors, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)


def test_a_fix_carries_the_altitude_that_robot_localization_needs(high):
    stamp_ns = high.good_frame()
    fix = high.wait(topics.FIX, stamp_ns)
    assert fix.altitude == pytest.approx(400.0 + HEIGHT_M)
    assert fix.position_covariance[8] == pytest.approx(9.0 + (0.14 * HEIGHT_M) ** 2)
    assert math.isnan(high.heard[topics.GEOPOINT][stamp_ns].position.altitude)


def test_the_origin_of_the_map_waits_for_subscribers(high):
    origins = []
    high.create_subscription(GeoPointStamped, topics.MAP_ORIGIN, origins.append, topics.latched())
    assert wait_for(lambda: origins)
    (origin,) = origins
    assert origin.header.frame_id == "map"
    assert (origin.position.latitude, origin.position.longitude) == (47.0, 8.0)
    assert math.isnan(origin.position.altitude)
    stamp_ns = high.good_frame(20.0, -30.0)
    pose, point = high.wait(topics.POSE, stamp_ns), high.heard[topics.GEOPOINT][stamp_ns].position
    east_m, north_m = MAP.frame.to_local(point.latitude, point.longitude)
    position = pose.pose.pose.position
    assert math.hypot(position.x - east_m, position.y - north_m) < 1e-3


def test_an_unknown_orientation_is_the_identity_with_an_unknown_variance(high):
    pose = high.wait(topics.POSE, high.good_frame()).pose
    turn = pose.pose.orientation
    assert (turn.x, turn.y, turn.z, turn.w) == (0.0, 0.0, 0.0, 1.0)
    assert [pose.covariance[7 * i] for i in range(2, 6)] == [messages_out.UNKNOWN_VARIANCE] * 4


@pytest.mark.parametrize(
    ("filtered", "succeeds", "message"),
    [
        (
            True,
            True,
            "nothing to forget: no frame has come yet; the first one is searched for in the whole map",
        ),
        (False, False, "nothing to forget: filter is false, so each frame is searched for by itself"),
    ],
)
def test_relocalize_says_if_there_was_nothing_to_forget(spinner, filtered, succeeds, message):
    space = f"blank{filtered}"
    nodes, asking = fly(spinner, space, filter=filtered), spinner.add(Drone(space))
    client = asking.create_client(Trigger, "retrieval_node/relocalize")
    assert client.wait_for_service(5.0)
    future = client.call_async(Trigger.Request())
    assert wait_for(future.done)
    assert (future.result().success, future.result().message) == (succeeds, message)
    for node in (asking, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)


class Times(Drone):
    """Publishes `/clock`, and counts the messages on `fix`, whatever their stamps."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.clock = self.create_publisher(Clock, "/clock", 10)
        self.stamps_s = []
        self.create_subscription(
            NavSatFix, topics.FIX, lambda fix: self.stamps_s.append(fix.header.stamp.sec), 10
        )

    def set_clock(self, second):
        self.clock.publish(Clock(clock=messages_out.time(second * 1_000_000_000)))

    def two_more(self, second):
        """Return whether two more `fix` of this second come."""
        before = len(self.stamps_s)
        return wait_for(lambda: self.stamps_s[before:].count(second) >= 2)


def test_fix_speaks_without_a_clock_and_while_it_stands_or_is_set_back(spinner, monkeypatch):
    monkeypatch.setattr("geoloc.nodes.retrieval_node._NO_FIX_EVERY_S", 0.1)
    nodes = fly(spinner, "clockless", silence_s=0.5, use_sim_time=True)
    times = spinner.add(Times("clockless"))
    assert times.two_more(0)
    assert wait_for(times.clock.get_subscription_count)
    time.sleep(0.1)
    times.set_clock(110)
    assert times.two_more(110)
    times.set_clock(10)
    assert times.two_more(10)
    for node in (times, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)
