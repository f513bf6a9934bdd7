# SPDX-License-Identifier: Apache-2.0
"""Every metric compared with a computation by hand or by brute force."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoloc.errors import BagError, Reason
from geoloc.geodesy import LocalFrame
from geoloc_lab.metrics import summary
from geoloc_lab.metrics.records import Record
from geoloc_lab.metrics.summary import summarise

FRAME = LocalFrame(47.0, 8.0)
S = 1_000_000_000


def frame_at(second, truth_m, estimate_m=None, **values):
    """Return a record with truth and estimate in metres east and north of (47, 8)."""
    latitude, longitude = (float(v) for v in FRAME.to_geodetic(*truth_m))
    if estimate_m is not None:
        values["latitude_deg"], values["longitude_deg"] = (float(v) for v in FRAME.to_geodetic(*estimate_m))
    return Record(int(second * S), latitude, longitude, **values)


def lost(second, truth_m=(0.0, 0.0), reason=Reason.LOW_SCORE):
    return frame_at(second, truth_m, reason=reason)


def test_error_is_the_ground_distance_and_nan_without_a_fix():
    records = [frame_at(0, (0, 0), (3, 4)), lost(1), Record(2 * S, math.nan, math.nan, 47.0, 8.0)]
    errors = summary.horizontal_errors_m(records)
    assert errors[0] == pytest.approx(5.0, abs=1e-4)
    assert np.isnan(errors[1:]).all()
    assert summary.horizontal_errors_m([]).shape == (0,)


def test_a_frame_without_a_fix_is_a_miss():
    assert summary.share_within(np.array([1.0, 5.0, 5.1, math.nan]), 5.0) == 0.5
    assert math.isnan(summary.share_within(np.array([]), 5.0))


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=50), st.floats(0, 1000))
def test_share_within_counts(errors, radius):
    expected = sum(error <= radius for error in errors) / len(errors)
    assert summary.share_within(np.array(errors), radius) == pytest.approx(expected)


def test_bias_ahead_and_to_the_right_of_an_eastward_flight():
    # Flying east: 3 m ahead is east, 2 m to the right is south.
    records = [frame_at(i, (10.0 * i, 0.0), (10.0 * i + 3.0, -2.0)) for i in range(6)]
    assert summary.track_bias_m(records) == pytest.approx((3.0, -0.0 + 2.0), abs=1e-3)


def test_a_lag_is_a_negative_bias_along_the_track_whatever_the_heading():
    for heading in np.radians([10, 100, 190, 280]):
        step = 12.0 * np.array([math.sin(heading), math.cos(heading)])
        records = [frame_at(i, step * i, step * (i - 0.5)) for i in range(5)]
        along, cross = summary.track_bias_m(records)
        assert along == pytest.approx(-6.0, abs=1e-3)
        assert cross == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [frame_at(0, (0, 0), (1, 1))],
        [frame_at(i, (0.01 * i, 0), (1, 1)) for i in range(5)],
        [lost(0), lost(1, (30.0, 0.0))],
    ],
    ids=["none", "one", "hover", "no fix"],
)
def test_no_bias_without_a_direction_or_a_fix(records: Sequence[Record]):
    assert all(map(math.isnan, summary.track_bias_m(records)))


def test_frames_of_a_hover_do_not_affect_the_bias():
    flying = [frame_at(i, (10.0 * i, 0.0), (10.0 * i - 4.0, 0.0)) for i in range(4)]
    hovering = [frame_at(10 + i, (30.0, 0.0), (500.0, 500.0)) for i in range(2, 9)]
    along, _ = summary.track_bias_m([*flying, *hovering])
    assert along == pytest.approx(-4.0, abs=1e-3)


def test_refusals_are_counted_by_reason_most_frequent_first():
    records = [
        lost(0),
        lost(1, reason=Reason.TILT),
        lost(2),
        frame_at(3, (0, 0), (0, 0)),
        lost(4, reason=None),
    ]
    assert list(summary.refusals(records).items()) == [("low_score", 2), ("tilt", 1), ("no_answer", 1)]


def test_recall_counts_frames_whose_true_tile_is_known():
    tiles = [(3, 3), (4, 5), (-1, 5), (7, -1)]
    records = [frame_at(i, (0, 0), top_tile=top, true_tile=true) for i, (top, true) in enumerate(tiles)]
    assert summary.recall_at_1(records) == pytest.approx(1 / 3)
    assert math.isnan(summary.recall_at_1([lost(0)]))


def test_latency_by_stage_in_order_of_appearance():
    records = [
        frame_at(i, (0, 0), latency_ms={"decode": float(i)} | ({"warp": 5.0} if i else {})) for i in range(5)
    ]
    assert summary.latency_quantiles_ms(records) == {"decode": (2.0, pytest.approx(3.8)), "warp": (5.0, 5.0)}


def test_summary_of_a_small_flight_by_hand():
    errors = [0.0, 4.0, 8.0, 30.0]
    records = [
        frame_at(i, (10.0 * i, 0), (10.0 * i, error), oracle_error_m=2.0, top_tile_error_m=error)
        for i, error in enumerate(errors)
    ]
    records += [lost(4, (40.0, 0.0)), Record(9 * S, math.nan, math.nan, 47.0, 8.0)]
    summary = summarise(records, pitch_m=5.0, tile_m=10.0)
    assert (summary.frames, summary.frames_without_truth, summary.fixes) == (5, 1, 4)
    assert summary.availability == 0.8
    assert summary.median_m == pytest.approx(6.0, abs=1e-3)
    assert summary.mean_m == pytest.approx(10.5, abs=1e-3)
    assert summary.max_m == pytest.approx(30.0, abs=1e-3)
    assert summary.p90_m == pytest.approx(np.quantile(errors, 0.9), abs=1e-3)
    assert summary.within_m == {5: 0.4, 10: 0.6, 25: 0.6, 50: 0.8, 100: 0.8}
    assert (summary.within_pitch, summary.within_tile) == (0.4, 0.6)
    assert summary.top_tile_within_pitch == 0.4
    assert (summary.false_fixes[50].count, summary.false_fixes[50].rate) == (0, 0.0)
    assert summary.oracle_median_m == 2.0
    assert summary.refusals == {"low_score": 1}
    outage = summary.continuity.longest_outage
    assert (outage.frames, outage.seconds, outage.metres) == pytest.approx((1, 1.0, 10.0), abs=1e-3)
    low, high = summary.intervals["median_m"]
    assert 0.0 <= low <= 6.0 <= high <= 30.1
    assert summary.consistency.unclaimed == 4
    assert summary.consistency.verdict == "unknown"
    assert summary.cross_track_bias_m == pytest.approx(-6.0, abs=1e-3)


def test_a_flight_without_a_fix_has_a_summary():
    summary = summarise([lost(0), lost(1, (20.0, 0.0))], 5.0, 10.0)
    assert summary.availability == 0.0
    assert summary.within_m[100] == 0.0
    assert math.isnan(summary.median_m)
    assert math.isnan(summary.max_m)


def test_a_flight_without_truth_is_refused():
    with pytest.raises(BagError, match="truth"):
        summarise([Record(0, math.nan, math.nan)], 5.0, 10.0)
