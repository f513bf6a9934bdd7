# SPDX-License-Identifier: Apache-2.0
"""Which of two topics with the same images is read, by a clock that the tests turn."""

import itertools

from geoloc.nodes.inputs.transport_choice import TransportChoice

RAW, JPEG = "raw", "compressed"
STEP_S = 0.5


def flown(choice, seconds, publishers, sends, began_s=0.0):
    """Let time pass in steps; `sends` bring frames. Return the choice of each step."""
    chosen = []
    for step in range(int(seconds / STEP_S)):
        now_s = began_s + step * STEP_S
        offered = {name: frozenset(publishers.get(name, ())) for name in (JPEG, RAW)}
        chosen.append(choice.choose(offered, now_s))
        if chosen[-1] in sends:
            choice.frame(now_s)
    return chosen


def switches(chosen):
    return sum(a != b for a, b in itertools.pairwise(chosen))


def test_compressed_where_it_is_published_and_raw_where_only_raw_is():
    both, one = {RAW: "r", JPEG: "c"}, {RAW: "r"}
    assert flown(TransportChoice((JPEG, RAW), 0.0), 10, both, {RAW, JPEG}) == [JPEG] * 20
    assert flown(TransportChoice((JPEG, RAW), 0.0), 10, one, {RAW}) == [RAW] * 20


def test_a_transport_that_is_advertised_and_never_used_is_left_for_good():
    chosen = flown(TransportChoice((JPEG, RAW), 0.0), 30, {RAW: "r", JPEG: "c"}, {RAW})
    assert chosen[0] == JPEG
    assert chosen[6:] == [RAW] * (len(chosen) - 6)


def test_the_preferred_transport_is_tried_when_its_publisher_comes_later():
    choice = TransportChoice((JPEG, RAW), 0.0)
    flown(choice, 5, {RAW: "r"}, {RAW})
    assert flown(choice, 5, {RAW: "r", JPEG: "c"}, {RAW, JPEG}, 5.0) == [JPEG] * 10
    choice = TransportChoice((JPEG, RAW), 0.0)
    flown(choice, 5, {RAW: "r"}, {RAW})
    assert flown(choice, 20, {RAW: "r", JPEG: "c"}, {RAW}, 5.0)[6:] == [RAW] * 34


def test_when_the_chosen_one_falls_silent_the_other_is_taken_and_kept():
    choice = TransportChoice((JPEG, RAW), 0.0)
    both = {RAW: "r", JPEG: "c"}
    flown(choice, 5, both, {JPEG})
    chosen = flown(choice, 5, both, {RAW}, 5.0)
    assert chosen[2] == JPEG
    assert chosen[6:] == [RAW] * 4
    assert flown(choice, 10, both, {RAW, JPEG}, 10.0) == [RAW] * 20


def test_a_camera_that_stops_makes_few_trials_and_is_found_within_seconds_of_its_return():
    both = {RAW: "r", JPEG: "c"}
    for silence_s in range(1, 120, 7):
        choice = TransportChoice((JPEG, RAW), 0.0)
        flown(choice, 5, both, {JPEG})
        chosen = flown(choice, silence_s, both, (), 5.0)
        assert switches(chosen) <= 4 + silence_s / 4
        back = flown(choice, 4, both, {JPEG}, 5.0 + silence_s)
        assert JPEG in back[:6]
        assert back[-1] == JPEG


def test_a_publisher_that_leaves_frees_the_place_at_once():
    choice = TransportChoice((JPEG, RAW), 0.0)
    flown(choice, 5, {RAW: "r", JPEG: "c"}, {JPEG})
    assert flown(choice, 1, {RAW: "r"}, {RAW}, 5.0) == [RAW, RAW]
    assert flown(choice, 1, {}, (), 6.0) == [RAW, RAW]


def test_a_slow_camera_on_both_transports_is_left_in_peace():
    choice, both = TransportChoice((JPEG, RAW), 0.0), {RAW: frozenset("r"), JPEG: frozenset("c")}
    chosen = []
    for step in range(240):  # a frame each five seconds, sent on both
        chosen.append(choice.choose(both, step * STEP_S))
        if step % 10 == 0:
            choice.frame(step * STEP_S)
    assert switches(chosen[60:]) == 0
