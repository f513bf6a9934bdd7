# SPDX-License-Identifier: Apache-2.0
"""A lasting problem is said at once and then every 30 s; a changed one at once; its end once."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

from geoloc.nodes.console import Reminder


class Watch:
    """Clock that the test moves."""

    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def reminder(watch):
    return Reminder(every_s=30.0, calm_s=3.0, now_s=watch)


def said_at_s(watch, reminder, sentences):
    """Report one sentence a second; return the seconds at which it was said."""
    said = []
    for second, sentence in enumerate(sentences):
        watch.now_s = float(second)
        if reminder.is_due(sentence):
            said.append(second)
    return said


def test_a_problem_is_said_at_once_and_every_thirty_seconds(watch, reminder):
    assert said_at_s(watch, reminder, ["no height."] * 70) == [0, 30, 60]


def test_a_changed_problem_is_said_at_once(watch, reminder):
    assert said_at_s(watch, reminder, ["no height."] * 5 + ["no attitude."] * 5) == [0, 5]


def test_problems_that_alternate_are_each_said_every_thirty_seconds(watch, reminder):
    assert said_at_s(watch, reminder, ["no height.", "no attitude."] * 31) == [0, 1, 30, 31, 60, 61]


def test_another_number_is_the_same_problem(watch, reminder):
    sentences = [f"the nearest height is {second}.25 s from the frame." for second in range(29)]
    assert said_at_s(watch, reminder, sentences) == [0]


def test_the_end_is_said_once_and_the_next_problem_at_once(watch, reminder):
    assert not reminder.is_over()
    assert reminder.is_due("no height.")
    watch.now_s = 2.9
    assert not reminder.is_over()
    watch.now_s = 3.0
    assert reminder.is_over()
    assert not reminder.is_over()
    assert reminder.is_due("no height.")


def test_a_problem_that_comes_and_goes_lasts(watch, reminder):
    assert reminder.is_due("no height.")
    for second in range(2, 30, 2):
        watch.now_s = float(second)
        assert not reminder.is_over()
        assert not reminder.is_due("no height.")


def test_what_another_node_says_lasts_too(watch, reminder):
    reminder.lasts()
    assert reminder.is_open
    watch.now_s = 4.0
    assert reminder.is_over()
    assert not reminder.is_open
