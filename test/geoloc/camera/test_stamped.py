# SPDX-License-Identifier: Apache-2.0
"""The buffer of stamped samples compared with a sorted dictionary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc.camera.stamped import StampedBuffer

samples = st.lists(st.tuples(st.integers(0, 50), st.floats(-9, 9)), max_size=40)


@given(samples, st.integers(1, 10))
def test_it_keeps_the_newest_in_order_whatever_the_arrival(arrivals, capacity):
    buffer: StampedBuffer[float] = StampedBuffer(capacity)
    known: dict[int, float] = {}
    for stamp, value in arrivals:
        buffer.add(stamp, value)
        known[stamp] = value
        known = dict(sorted(known.items())[-capacity:])
    assert len(buffer) == len(known)
    assert buffer.newest_ns == max(known, default=None)
    for stamp, value in known.items():
        around = buffer.around(stamp)
        assert (around.second, around.gap_s) == (value, 0.0)


def test_an_instant_lies_between_its_neighbours():
    buffer: StampedBuffer[str] = StampedBuffer(9)
    assert buffer.around(5) is None
    for stamp, value in ((4_000_000_000, "c"), (0, "a"), (1_000_000_000, "b")):
        buffer.add(stamp, value)
    middle = buffer.around(1_750_000_000)
    assert (middle.first, middle.second) == ("b", "c")
    assert (middle.share, middle.gap_s) == (pytest.approx(0.25), pytest.approx(0.75))


@pytest.mark.parametrize(
    ("stamp_ns", "value", "gap_s"), [(-2_000_000_000, 1.0, 2.0), (9_000_000_000, 2.0, 4.0)]
)
def test_beyond_its_ends_it_holds_the_nearest(stamp_ns, value, gap_s):
    buffer: StampedBuffer[float] = StampedBuffer(9)
    buffer.add(0, 1.0)
    buffer.add(5_000_000_000, 2.0)
    around = buffer.around(stamp_ns)
    assert around.first + around.share * (around.second - around.first) == value
    assert around.gap_s == gap_s


def test_a_clock_set_back_is_no_late_sample():
    buffer: StampedBuffer[int] = StampedBuffer(9)
    assert not buffer.jumps_back(0)
    buffer.add(5_000_000_000, 1)
    assert not buffer.jumps_back(4_000_000_000)
    assert buffer.jumps_back(3_999_999_999)
