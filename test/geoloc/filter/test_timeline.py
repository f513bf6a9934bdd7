# SPDX-License-Identifier: Apache-2.0
"""Events are ordered by stamp, not by arrival."""

import itertools

import pytest

from geoloc.errors import FrameRefused, Reason
from geoloc.filter.timeline import Timeline

SECOND = 1_000_000_000


def timeline(memory_s=10.0):
    """Return a timeline whose state is the text of all events so far."""
    return Timeline(lambda before, _stamp_ns, event: (before or "") + event, memory_s)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_any_order_of_arrival_ends_in_the_same_state(order):
    told = timeline()
    for i in order:
        told.put(i * SECOND, "abcd"[i])
    assert told.put(4 * SECOND, "e") == "abcde"


def test_a_late_event_gets_the_state_of_its_own_stamp():
    told = timeline()
    told.put(0, "a")
    told.put(2 * SECOND, "c")
    assert told.put(SECOND, "b") == "ab"
    assert told.put(2 * SECOND, "again") == "abc"


def test_what_is_older_than_the_memory_is_late_and_what_is_inside_is_not():
    told = timeline(memory_s=2.0)
    for i in range(10):
        told.put(i * SECOND, str(i))
    assert told.put(7 * SECOND + 1, "x") == "01234567x"
    with pytest.raises(FrameRefused, match=r"5\.0 s older") as refusal:
        told.put(4 * SECOND, "y")
    assert refusal.value.reason is Reason.LATE
    assert told.put(10 * SECOND, "z") == "01234567x89z"


def test_five_late_events_in_a_row_set_the_clock_back():
    told = timeline(memory_s=1.0)
    for i in range(100, 105):
        told.put(i * SECOND, "old")
    for i in range(4):
        with pytest.raises(FrameRefused):
            told.put(i * SECOND, "late")
    assert told.put(4 * SECOND, "new") == "new"
    assert told.put(5 * SECOND, "er") == "newer"


def test_late_events_now_and_then_set_nothing_back():
    told = timeline(memory_s=1.0)
    for i in range(100, 110):
        told.put(i * SECOND, "a")
        if i > 101:
            with pytest.raises(FrameRefused):
                told.put(SECOND, "late")
    assert told.put(110 * SECOND, "a") == "a" * 11


def test_it_says_which_stamps_it_reaches():
    told = timeline(memory_s=2.0)
    assert (told.newest_ns, told.reaches(-(10**12))) == (None, True)
    told.put(10 * SECOND, "a")
    assert [told.reaches(s * SECOND) for s in (7, 8, 10, 99)] == [False, True, True, True]
    for s in range(11, 16):
        told.put(s * SECOND, "b")
    assert told.newest_ns == 15 * SECOND
    assert [told.reaches(s * SECOND) for s in (11, 12, 99)] == [False, True, True]


def test_forgetting_begins_with_nothing():
    told = timeline()
    told.put(5 * SECOND, "a")
    told.forget()
    assert told.put(0, "b") == "b"


def test_no_more_is_kept_than_memory_allows():
    told = timeline(memory_s=60.0)
    for i in range(1000):
        told.put(i * SECOND // 100, "a")
    assert len(told._states) <= 32
