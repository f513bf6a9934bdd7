# SPDX-License-Identifier: Apache-2.0
"""`retrieval_node` with its filter, over real DDS: `odom`, `initial_fix`, `~/relocalize`, and late frames."""

import math
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import NavSatFix
from std_srvs.srv import Trigger

from flying import MAP, PITCH_M, Drone, Sender, fly, wait_for
from geoloc.nodes import messages_out, topics

NAME = "believing/retrieval_node"
STEP_NS = 1_000_000_000


class Pilot(Sender):
    """Sends descriptors and odometry without waiting for the time of a flight."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.odometry = self.create_publisher(Odometry, topics.ODOM, topics.sensor_stream())
        self.priors = self.create_publisher(NavSatFix, topics.INITIAL_FIX, topics.every_answer())
        self.relocalize = self.create_client(Trigger, "retrieval_node/relocalize")

    def travel(self, stamp_ns, place_m):
        """Send odometry with an origin of its own."""
        message = Odometry(header=messages_out.header(stamp_ns, "odom"))
        message.pose.pose.position.x, message.pose.pose.position.y = place_m[0] + 700.0, place_m[1] - 300.0
        self.odometry.publish(message)

    def tell(self, stamp_ns, place_m, sigma_m):
        """Send an initial fix."""
        message = NavSatFix(header=messages_out.header(stamp_ns, "map"))
        message.latitude, message.longitude = (float(v) for v in MAP.frame.to_geodetic(*place_m))
        message.position_covariance = np.diag([sigma_m**2, sigma_m**2, 1.0]).ravel()
        message.position_covariance_type = NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
        self.priors.publish(message)

    def forget(self):
        """Ask for a global start; return the answer."""
        future = self.relocalize.call_async(Trigger.Request())
        assert wait_for(future.done)
        self.heard[topics.DIAGNOSTICS].pop(NAME, None)  # the summary of the belief that is gone
        return future.result()

    def state(self):
        """Return the state on /diagnostics; None before the first message."""
        return self.heard[topics.DIAGNOSTICS].get(NAME, (None, {}))[1].get("state")


@pytest.fixture(scope="module")
def pilot(spinner):
    nodes = fly(spinner, "believing", filter=True, confidence=0.95, lost_sigma_m=60.0)
    sender = spinner.add(Pilot("believing"))
    publishers = (sender.offsets, sender.descriptors, sender.odometry, sender.priors)
    assert wait_for(lambda: all(p.get_subscription_count() for p in publishers))
    assert wait_for(sender.relocalize.service_is_ready)
    time.sleep(0.1)
    yield sender
    for node in (sender, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)


def route(count):
    """Return places a second apart, on a bend."""
    return [(-90.0 + 15.0 * i, 60.0 * math.sin(i / 4.0)) for i in range(count)]


def flown(pilot, places, start_ns):
    """Fly with odometry; return the fixes."""
    fixes = []
    for i, place in enumerate(places):
        for quarter in range(4):
            ahead = places[min(i + 1, len(places) - 1)]
            between = np.array(place) + (np.array(ahead) - place) * quarter / 4
            pilot.travel(start_ns + i * STEP_NS + quarter * STEP_NS // 4, between)
        fixes.append(pilot.see(start_ns + i * STEP_NS, place))
    return fixes


def error_m(fix, place_m):
    east_m, north_m = MAP.frame.to_local(fix.latitude, fix.longitude)
    return math.hypot(float(east_m) - place_m[0], float(north_m) - place_m[1])


def test_a_global_start_is_refused_as_a_search_and_ends_in_a_fix_with_its_stamp(pilot):
    pilot.forget()
    places, start_ns = route(13), pilot.next_stamp()
    fixes = flown(pilot, places, start_ns)
    assert fixes[0].status.status == -1
    assert pilot.reason(start_ns) == "searching"
    assert fixes[-1].status.status == 0
    assert error_m(fixes[-1], places[-1]) < PITCH_M / 2
    assert wait_for(lambda: pilot.state() == "tracking")
    assert wait_for(lambda: int(pilot.heard[topics.DIAGNOSTICS][NAME][1]["odometry_received"]) >= 40)
    assert fixes[-1].position_covariance_type == NavSatFix.COVARIANCE_TYPE_APPROXIMATED
    Drone.moment += 2


def test_an_initial_fix_is_answered_from_the_next_frame_on(pilot):
    pilot.forget()
    assert wait_for(lambda: pilot.state() == "starting")
    stamp_ns, place = pilot.next_stamp(), (45.0, -60.0)
    pilot.tell(stamp_ns - 1, place, sigma_m=8.0)
    assert wait_for(lambda: pilot.state() == "tracking")
    fix = pilot.see(stamp_ns, place)
    assert fix.status.status == 0
    assert error_m(fix, place) < PITCH_M


def test_an_initial_fix_off_the_map_is_refused_in_words(pilot):
    stamp_ns = pilot.next_stamp()
    pilot.tell(stamp_ns, (9000.0, 0.0), sigma_m=8.0)
    assert pilot.wait("reason", stamp_ns) == "off_map"


def test_relocalize_forgets_the_place(pilot):
    stamp_ns, place = pilot.next_stamp(), (0.0, 0.0)
    pilot.tell(stamp_ns, place, sigma_m=8.0)
    assert wait_for(lambda: pilot.see(stamp_ns + STEP_NS // 10, place).status.status == 0)
    answer = pilot.forget()
    assert answer.success
    assert answer.message == "searching the whole map"
    fix = pilot.see(stamp_ns + STEP_NS // 5, place)
    assert fix.status.status == -1
    assert pilot.reason(stamp_ns + STEP_NS // 5) == "searching"


def test_a_frame_a_minute_late_is_refused_and_the_next_is_answered(pilot):
    pilot.forget()
    places, start_ns = route(13), pilot.next_stamp() + 120 * STEP_NS
    flown(pilot, places, start_ns)
    pilot.see(start_ns - 60 * STEP_NS, places[0])
    assert pilot.reason(start_ns - 60 * STEP_NS) == "late"
    fix = pilot.see(start_ns + 13 * STEP_NS, places[-1])
    assert fix.status.status == 0
    Drone.moment += 15
