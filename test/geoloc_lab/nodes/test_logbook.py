# SPDX-License-Identifier: Apache-2.0
"""The truth that the running nodes hear obeys the same rule as that of a bag."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

from nav_msgs.msg import Odometry
from sensor_msgs.msg import NavSatFix, NavSatStatus

from geoloc.errors import BagError
from geoloc.nodes import messages_out
from geoloc_lab.nodes.logbook import Logbook

NS = 1_000_000_000


def position(second, latitude=47.0, longitude=8.0, status=NavSatStatus.STATUS_FIX):
    header = messages_out.header(second * NS, "gps")
    return NavSatFix(
        header=header, latitude=latitude, longitude=longitude, status=NavSatStatus(status=status)
    )


def test_truth_messages_without_a_fix_or_a_place_are_left_out_and_told():
    book = Logbook("/gps/fix")
    for message in (position(1, status=-1), position(2, status=-1), position(3, 0.0, 0.0)):
        book.take_truth(message, NS)
    assert not book.has_truth
    with pytest.raises(BagError, match=r"/gps/fix holds no truth .*\(2 without a fix .*; 1 at 0, 0\); check"):
        book.truth(2.0)
    book.take_truth(position(5, status=-2), NS)  # unknown: the driver sets no status
    assert book.has_truth
    assert book.truth(2.0).stamps_ns.tolist() == [5 * NS]


@pytest.mark.parametrize(("metres_a_second", "kept"), [(10.0, 1), (0.1, 6)])
def test_a_truth_that_repeats_while_odometry_moves_is_left_out(metres_a_second, kept):
    book = Logbook()
    for second in range(6):
        book.take_truth(position(second), NS)
        odometry = Odometry(header=messages_out.header(second * NS, "odom"))
        odometry.pose.pose.position.x = metres_a_second * second
        book.take_odometry(odometry, NS)
    assert book.truth(2.0).stamps_ns.size == kept
