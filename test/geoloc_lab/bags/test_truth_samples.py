# SPDX-License-Identifier: Apache-2.0
"""Which reference positions are a truth: not those without a fix, impossible ones, and repeats in flight."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geoloc.errors import BagError
from geoloc_lab.bags import truth_samples
from geoloc_lab.bags.truth_samples import TruthSample, is_place, usable
from geoloc_lab.bags.truth_track import TruthTrack

S = 1_000_000_000
METRE_DEG = 1 / 111_200


def flight(speed_mps=10.0, seconds=12, rate_hz=5, frozen=(), start_s=100):
    """Return samples of a flight north; between two times of `frozen` the last position is repeated."""
    samples = []
    for tick in range(seconds * rate_hz):
        at_s = tick / rate_hz
        if frozen and frozen[0] < at_s <= frozen[1]:
            latitude = samples[-1].latitude_deg
        else:
            latitude = 47.0 + speed_mps * at_s * METRE_DEG
        samples.append(TruthSample(round((start_s + at_s) * S), latitude, 8.0))
    return samples


def stamps(samples):
    return [sample.stamp_ns for sample in samples]


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ((0.0, 0.0), truth_samples.NULL_ISLAND),
        ((-0.0, 0.0), truth_samples.NULL_ISLAND),
        ((math.nan, 8.0), truth_samples.NO_NUMBER),
        ((47.0, math.inf), truth_samples.NO_NUMBER),
        ((91.0, 8.0), truth_samples.OUT_OF_RANGE),
        ((47.0, -180.5), truth_samples.OUT_OF_RANGE),
        ((470_000_000.0, 80_000_000.0), truth_samples.WHOLE_NUMBERS),
        ((1_000.0, 2_000.0), truth_samples.OUT_OF_RANGE),
    ],
)
def test_positions_that_nobody_can_have_are_no_truth(place, cause):
    good = TruthSample(S, 47.0, 8.0)
    assert usable([good, TruthSample(2 * S, *place)]) == ([good], {cause: 1})
    assert not is_place(*place)
    assert is_place(0.0, 8.0)


def test_a_sample_without_a_fix_is_no_truth_even_with_a_place():
    good, lost = TruthSample(S, 47.0, 8.0), TruthSample(2 * S, 47.0, 8.0, has_fix=False)
    assert usable([lost, good]) == ([good], {truth_samples.NO_FIX: 1})


def test_several_samples_with_the_stamp_0_are_no_truth():
    assert usable([TruthSample(0, 47.0, 8.0)] * 3) == ([], {truth_samples.NO_STAMP: 3})
    first = TruthSample(0, 47.0, 8.0)  # a simulation may begin at 0
    assert usable([first]) == ([first], {})


@pytest.mark.parametrize("frozen", [(2.0, 8.0), (2.0, 3.0), (4.0, 99.0), (0.0, 5.0)])
def test_a_position_repeated_in_flight_is_a_truth_once(frozen):
    samples = flight(frozen=frozen)
    kept, left_out = usable(samples)
    stale = [s for s in samples if frozen[0] < s.stamp_ns / S - 100 <= frozen[1]]
    assert left_out == {truth_samples.STALE: len(stale)}
    assert stamps(kept) == stamps([s for s in samples if s not in stale])


def test_a_receiver_slower_than_its_messages_is_interpolated_between_its_positions():
    held = [s._replace(latitude_deg=47.0 + 10 * (s.stamp_ns // S - 100) * METRE_DEG) for s in flight()]
    track = TruthTrack.of(held, "1 Hz, sent at 5 Hz")
    assert track.stamps_ns.tolist() == [(100 + second) * S for second in range(12)]
    assert track.at(round(103.4 * S))[0] == pytest.approx(47.0 + 34 * METRE_DEG, abs=0.01 * METRE_DEG)


def test_a_rover_that_stands_keeps_its_truth():
    stop_s, start_s, top_mps, braking = 4.0, 9.0, 6.0, 3.0

    def driven_m(at_s):
        """Return the way of a rover that brakes before it stands, and speeds up afterwards."""
        before = max(0.0, stop_s - at_s)
        after = max(0.0, at_s - start_s)
        way = [
            -(t * t * braking / 2 if t < 2 else 6 + top_mps * (t - 2)) if t else 0.0 for t in (before, after)
        ]
        return way[0] - way[1]

    samples = [
        TruthSample(round((100 + t / 5) * S), 47.0 + driven_m(t / 5) * METRE_DEG, 8.0) for t in range(70)
    ]
    assert usable(samples) == (samples, {})
    assert usable(samples[:40]) == (samples[:40], {})  # the recording ends while it stands
    assert usable(samples[25:]) == (samples[25:], {})
    assert usable(samples[22:40]) == (samples[22:40], {})  # it stands all the time


def test_odometry_tells_a_jammed_receiver_that_never_had_another_position_from_a_rover_that_stands():
    samples = [TruthSample(round((100 + t / 5) * S), 47.0, 8.0) for t in range(60)]
    for metres, count in ((120.0, 59), (3.0, 0), (math.nan, 0)):
        assert usable(samples, lambda _start, _end, far=metres: far)[1].get(truth_samples.STALE, 0) == count


def test_a_kidnap_after_a_hover_is_no_jamming():
    hover = [TruthSample(round((100 + t / 5) * S), 47.0, 8.0) for t in range(10)]
    elsewhere = [s._replace(latitude_deg=47.1, stamp_ns=s.stamp_ns + 2 * S) for s in hover]
    assert usable([*hover, *elsewhere]) == ([*hover, *elsewhere], {})


@settings(max_examples=30, deadline=None)
@given(st.floats(2.0, 40.0), st.sampled_from([1, 2, 5, 10, 20]), st.floats(1.0, 4.0), st.floats(2.0, 5.0))
def test_whatever_is_kept_of_a_straight_flight_is_right_to_a_few_metres(speed_mps, rate_hz, from_s, for_s):
    samples = flight(speed_mps, 12, rate_hz, (from_s, from_s + for_s))
    track = TruthTrack.of(samples, "jammed", max_gap_s=60.0)
    for sample in samples:
        true_deg = 47.0 + speed_mps * (sample.stamp_ns / S - 100) * METRE_DEG
        assert abs(track.at(sample.stamp_ns)[0] - true_deg) < 4.0 * METRE_DEG


def test_a_track_says_what_was_left_out_and_why_frames_have_no_truth():
    samples = [
        *flight(frozen=(2.0, 8.0)),
        TruthSample(130 * S, 0.0, 0.0),
        TruthSample(131 * S, 0.0, 0.0, has_fix=False),
    ]
    track = TruthTrack.of(samples, "/gps")
    frames = [round(t * S) for t in (99, 101, 105, 106, 111, 112, 113)]
    assert track.sentences(frames) == [
        "truth samples left out: 32 of 62 of /gps (1 at 0, 0; 1 without a fix (STATUS_NO_FIX); 30 repeated "
        "while the drone moved); check the reference if that is unexpected.",
        "frames without truth: 2, because truth samples there are up to 6.2 s apart, more than "
        "max_truth_gap_s 2; raise it (--max-truth-gap-s) if the flight was straight in between.",
        "frames without truth: 3, before the first or after the last truth sample; check that both share one "
        "clock.",
    ]
    assert TruthTrack.of(flight(), "/gps").sentences([101 * S]) == []


def test_a_track_of_nothing_but_such_samples_names_them_and_the_remedy():
    scaled = [TruthSample(t * S, 470_000_000.0 + t, 80_000_000.0) for t in range(1, 4)]
    with pytest.raises(BagError, match=r"gps\.csv holds no truth .* \(3 in 1e-7 degrees\); divide .* by 1e7"):
        TruthTrack.of(scaled, "gps.csv")
    lost = [sample._replace(has_fix=False) for sample in flight()]
    with pytest.raises(BagError, match=r"60 without a fix \(STATUS_NO_FIX\)\); check it, or give --truth"):
        TruthTrack.of(lost, "/gps")


def test_positions_are_interpolated_across_the_antimeridian():
    track = TruthTrack.of([(0, -17.0, 179.9999), (S, -17.0, -179.9999)], "Taveuni")
    assert track.at(S // 4)[1] == pytest.approx(179.99995, abs=1e-9)
    assert track.at(3 * S // 4)[1] == pytest.approx(-179.99995, abs=1e-9)
