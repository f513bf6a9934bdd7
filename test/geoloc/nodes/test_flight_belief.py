# SPDX-License-Identifier: Apache-2.0
"""`retrieval_node` with its filter, over real DDS: `odom`, `initial_fix`, `~/relocalize`, and late frames."""

import math
import re
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import NavSatFix
from std_srvs.srv import Trigger

from flying import MAP, PITCH_M, Drone, Sender, fly, listen_to_log, wait_for
from geoloc.nodes import messages_out, topics

NAME = "believing/retrieval_node"
STEP_NS = 1_000_000_000


class Pilot(Sender):
    """Sends descriptors and odometry without waiting for the time of a flight."""

    def __init__(self, namespace, quality=None):
        super().__init__(namespace)
        self.log = listen_to_log(self)
        self.odometry = self.create_publisher(Odometry, topics.ODOM, topics.sensor_stream())
        self.priors = self.create_publisher(NavSatFix, topics.INITIAL_FIX, quality or 10)
        self.relocalize = self.create_client(Trigger, "retrieval_node/relocalize")

    def travel(self, stamp_ns, place_m):
        """Send odometry with an origin of its own."""
        message = Odometry(header=messages_out.header(stamp_ns, "odom"))
        message.pose.pose.position.x, message.pose.pose.position.y = place_m[0] + 700.0, place_m[1] - 300.0
        self.odometry.publish(message)

    def tell(self, stamp_ns, place_m, sigma_m, status=0, kind=2, **changes):
        """Send an initial fix; `changes` go into the message."""
        message = NavSatFix(header=messages_out.header(stamp_ns, "map"))
        message.latitude, message.longitude = (float(v) for v in MAP.frame.to_geodetic(*place_m))
        message.position_covariance = np.diag([sigma_m**2, sigma_m**2, 1.0]).ravel()
        message.position_covariance_type, message.status.status = kind, status
        for name, value in changes.items():
            setattr(message, name, value)
        before = self.received()
        self.priors.publish(message)
        assert wait_for(lambda: self.received() > before)

    def received(self):
        """Return the number of hints that the node has received."""
        return self.node.hints.facts().get("hints_received", 0)

    def values(self, name=NAME):
        """Return the values on /diagnostics; empty before the first message."""
        return self.heard[topics.DIAGNOSTICS].get(name, (None, {}))[1]

    def said(self, sentence):
        """Return whether the log holds a sentence that begins so."""
        return any(text.startswith(sentence) for text in self.log)

    def forget(self):
        """Ask for a global start; return the answer."""
        future = self.relocalize.call_async(Trigger.Request())
        assert wait_for(future.done)
        self.heard[topics.DIAGNOSTICS].pop(NAME, None)  # the summary of the belief that is gone
        return future.result()

    def state(self):
        """Return the state on /diagnostics; None before the first message."""
        return self.values().get("state")


@pytest.fixture(scope="module")
def pilot(spinner):
    nodes = fly(spinner, "believing", filter=True, confidence=0.95, lost_sigma_m=60.0)
    sender = spinner.add(Pilot("believing"))
    sender.node = nodes.retrieval
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
    assert wait_for(lambda: int(pilot.values()["odometry_received"]) >= 40)
    assert float(pilot.values()["odometry_trust"]) > 0.5
    assert fixes[-1].position_covariance_type == NavSatFix.COVARIANCE_TYPE_APPROXIMATED
    Drone.moment += 2


def test_odometry_with_another_clock_is_named_on_the_console_while_frames_are_answered(pilot):
    pilot.forget()
    start_ns = pilot.next_stamp()
    for i, place in enumerate(route(8)):
        stamp_ns = start_ns + i * STEP_NS
        pilot.travel(stamp_ns - 30 * STEP_NS, place)
        pilot.see(stamp_ns, place)
    assert wait_for(
        lambda: pilot.said("odom is not used: its last sample is 30.0 s older than the frame; check")
    )


def test_an_initial_fix_is_answered_from_the_next_frame_on(pilot):
    pilot.forget()
    assert wait_for(lambda: pilot.state() == "starting")
    stamp_ns, place = pilot.next_stamp(), (45.0, -60.0)
    pilot.tell(stamp_ns - 1, place, sigma_m=8.0)
    fix = pilot.see(stamp_ns, place)
    assert fix.status.status == 0
    assert error_m(fix, place) < PITCH_M
    assert wait_for(
        lambda: pilot.said("the initial fix starts the track, with a standard deviation of 8.8 m.")
    )


def test_a_stream_of_wrong_initial_fixes_is_cast_off_and_named(pilot):
    """The review's case: 5 Hz, 2 m, one wrong place, while the camera tracks."""
    pilot.forget()
    places, start_ns = route(13), pilot.next_stamp()
    flown(pilot, places, start_ns)
    wrong, last = (places[-1][0] - 150.0, places[-1][1]), places[-1]
    fixes = []
    for i in range(1, 21):
        stamp_ns = start_ns + 12 * STEP_NS + i * STEP_NS // 5
        pilot.tell(stamp_ns - STEP_NS // 50, wrong, sigma_m=2.0)
        pilot.travel(stamp_ns, last)
        fixes.append(pilot.see(stamp_ns, last))
    assert [fix.status.status for fix in fixes] == [0] * 20
    assert max(error_m(fix, last) for fix in fixes) < PITCH_M / 2
    assert wait_for(lambda: pilot.said("the initial fix contradicts the track (1 in a row): it lies 1"))
    assert sum("contradicts the track" in text for text in pilot.log) == 1
    assert wait_for(lambda: int(pilot.values().get("hints_contradicted", 0)) >= 4)
    assert "is cast off; check its source" in pilot.values()["last_hint"]
    Drone.moment += 3


UNUSABLE = {
    "off the map": (
        {"place_m": (9000.0, 0.0)},
        r"lies 8\d{3} m from the nearest tile of the map; check both",
    ),
    "without a fix": ({"status": -1}, "has STATUS_NO_FIX; send one with a position"),
    "NaN": (
        {"latitude": math.nan},
        "latitude nan, longitude .* is not a place on Earth; give WGS 84 degrees",
    ),
    "of zero covariance": ({"sigma_m": 0.0}, "covariance of the initial fix is zero, so 30 m are assumed"),
    "of NaN covariance": (
        {"sigma_m": math.nan},
        "covariance of the initial fix holds NaN, so 30 m are assumed",
    ),
    "of unknown covariance": ({"kind": 0}, "covariance of the initial fix is unknown, so 30 m are assumed"),
    "wider than the map": ({"sigma_m": 1e5}, "standard deviation of 100000 m, as wide as the map"),
    "of tomorrow": ({"ahead_s": 86_400}, r"stamped \d+ s ahead of this node's clock; check both clocks"),
}


@pytest.mark.parametrize(("changes", "sentence"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_initial_fix_is_named_in_words(pilot, changes, sentence):
    ahead_s = changes.pop("ahead_s", 0) if "ahead_s" in changes else 0
    stamp_ns = time.time_ns() + ahead_s * STEP_NS if ahead_s else pilot.next_stamp()
    pilot.tell(stamp_ns, **{"place_m": (0.0, 0.0), "sigma_m": 8.0, **changes})
    assert wait_for(lambda: any(re.search(sentence, text) for text in pilot.log)), pilot.log


@pytest.mark.parametrize("quality", ["best effort", "latched before the node"])
def test_initial_fixes_of_every_publisher_arrive(spinner, quality):
    space = quality.split()[0]
    sender = spinner.add(Pilot(space, topics.any_publisher() if space == "best" else topics.latched()))
    message = NavSatFix(header=messages_out.header(sender.next_stamp(), "gnss"), latitude=47.0, longitude=8.0)
    if space == "latched":
        sender.priors.publish(message)
    nodes = fly(spinner, space, filter=True)
    sender.node = nodes.retrieval
    if space == "best":
        assert wait_for(sender.priors.get_subscription_count)
        wait_for(lambda: False, 0.1)  # the writer matches a moment before the reader
        sender.priors.publish(message)
    assert wait_for(lambda: sender.received() == 1)
    for node in (sender, nodes.camera, nodes.inference, nodes.retrieval):
        spinner.remove(node)


def test_relocalize_forgets_the_place(pilot):
    stamp_ns, place = pilot.next_stamp(), (0.0, 0.0)
    pilot.tell(stamp_ns, place, sigma_m=8.0)
    assert wait_for(lambda: pilot.see(stamp_ns + STEP_NS // 10, place).status.status == 0)
    answer = pilot.forget()
    assert answer.success
    assert answer.message == "searching the whole map; the state was tracking"
    assert wait_for(lambda: pilot.said(f"~/relocalize was called: {answer.message}."))
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
