# SPDX-License-Identifier: Apache-2.0
"""Two cameras on one topic are refused; a driver that starts again is not."""

import time

import pytest

from geoloc.errors import FrameRefused
from geoloc.nodes.inputs.sources import Senders, SourceWatch


def test_one_source_is_accepted():
    watch = SourceWatch()
    for _ in range(3):
        watch.check(b"a", "camera", 1)


def test_two_senders_are_refused_until_one_is_silent():
    watch = SourceWatch(forget_after_s=0.05)
    watch.check(b"a", "camera", 2)
    with pytest.raises(FrameRefused, match="2 sources"):
        watch.check(b"b", "camera", 2)
    time.sleep(0.06)
    watch.check(b"a", "camera", 2)


def test_a_restarted_driver_is_accepted_at_once():
    watch = SourceWatch()
    watch.check(b"a", "camera", 1)
    watch.check(b"b", "camera", 1)


def test_one_sender_of_two_cameras_is_refused():
    watch = SourceWatch()
    watch.check(b"a", "left", 1)
    with pytest.raises(FrameRefused, match="left, right"):
        watch.check(b"a", "right", 1)


def test_without_the_senders_identity_publishers_are_counted():
    watch = SourceWatch()
    watch.check(b"", "camera", 1)
    with pytest.raises(FrameRefused):
        watch.check(b"", "camera", 2)


def test_kilted_names_the_sender_and_humble_tells_nothing():
    senders = Senders()
    assert senders.identify({"publisher_gid": {"data": b"a"}, "publication_sequence_number": 7}) == b"a"
    assert senders.identify({}) == b""


def numbered(*numbers):
    senders = Senders()
    return [senders.identify({"publication_sequence_number": number}) for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "senders"),
    [
        ((1, 2, 5, 6), [0, 0, 0, 0]),
        ((90, 91, 1, 2, 92, 3), [0, 0, 1, 1, 0, 1]),
        ((5, 5, 6, 6), [0, 1, 1, 0]),
    ],
    ids=["one that loses images", "two, apart", "two that started together"],
)
def test_rising_numbers_tell_publishers_apart(numbers, senders):
    found = numbered(*numbers)
    assert [sorted(set(found)).index(each) for each in found] == senders
