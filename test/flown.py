# SPDX-License-Identifier: Apache-2.0
"""Synthetic flights: records with known errors and claimed covariances."""

import numpy as np

from geoloc.errors import Reason
from geoloc.geodesy import LocalFrame
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.records import Record

FRAME = LocalFrame(47.0, 8.0)
S = 1_000_000_000


def frame_at(second, truth_m, error_m=None, **values):
    """Return a record at metres east and north of (47, 8); without an error the frame is refused."""
    latitude, longitude = (float(v) for v in FRAME.to_geodetic(*truth_m))
    if error_m is None:
        values.setdefault("reason", Reason.LOW_SCORE)
    else:
        estimate = np.add(truth_m, error_m)
        values["latitude_deg"], values["longitude_deg"] = (float(v) for v in FRAME.to_geodetic(*estimate))
    return Record(int(second * S), latitude, longitude, **values)


def marked(pattern, step_m=10.0):
    """Return a flight east, one frame a second: `f` a perfect fix, `w` a fix 200 m off, `x` a refusal."""
    errors = {"f": (0.0, 0.0), "w": (200.0, 0.0), "x": None}
    return [frame_at(i, (step_m * i, 0.0), errors[mark]) for i, mark in enumerate(pattern)]


def gaussian(count=400, claimed=1.0, seed=0, correlation=0.0):
    """A flight whose errors follow its covariances, of 4 to 400 m², which it claims `claimed` times as large.

    With `correlation` successive errors hang together (autoregressive, their spread is unchanged).
    """
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(count, 2))
    for i in range(1, count):
        unit[i] = correlation * unit[i - 1] + np.sqrt(1 - correlation**2) * unit[i]
    records = []
    for second, step in enumerate(unit):
        angle, (a, b) = rng.uniform(0, np.pi), rng.uniform(2.0, 20.0, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        root = turn @ np.diag([a, b])
        covariance = claimed * root @ root.T
        scored = {"score": rng.uniform(0.6, 0.9), "margin": rng.uniform(0.1, 0.3)}
        values = {"covariance_m2": covariance, **scored}
        records.append(frame_at(second, (8.0 * second, 0.0), root @ step, **values))
    return records


def answers(records):
    return Answers.of(records)
