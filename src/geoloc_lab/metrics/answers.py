# SPDX-License-Identifier: Apache-2.0
"""The records of a flight as arrays with one row for each frame with a truth, the input of all metrics."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geoloc import geodesy, integrity
from geoloc.arrays import BoolArray, Float64Array, Int64Array
from geoloc_lab.metrics.records import Record


@dataclass(frozen=True, eq=False)
class Answers:
    """The frames of a flight that have a truth, in stamp order; n rows.

    Attributes:
        stamp_ns: (n,) integer nanoseconds.
        truth_deg: (n, 2) true latitude and longitude, WGS 84.
        answered: (n,) True where the frame has an estimate.
        error_m: (n, 2) estimate minus truth, east and north; NaN without an estimate.
        covariance_m2: (n, 2, 2) claimed covariance, east and north; NaN without one.
        score, margin: (n,) score and margin of the best tile; NaN if unknown.
        refined: (n,) True where the estimate was refined against the map's imagery.
        attitude_m: (n,) least standard deviation, of all directions, that the attitude's error adds.
    """

    stamp_ns: Int64Array
    truth_deg: Float64Array
    answered: BoolArray
    error_m: Float64Array
    covariance_m2: Float64Array
    score: Float64Array
    margin: Float64Array
    refined: BoolArray
    attitude_m: Float64Array

    @classmethod
    def of(cls, records: Sequence[Record]) -> "Answers":
        """Make arrays of the records that have a truth."""
        known = [record for record in records if record.has_truth]
        truth = _columns([(r.truth_latitude_deg, r.truth_longitude_deg) for r in known])
        estimate = _columns([(r.latitude_deg, r.longitude_deg) for r in known])
        answered = np.array([record.has_fix for record in known], dtype=np.bool_)
        error_m = np.full((len(known), 2), np.nan)
        if answered.any():
            error_m[answered] = np.column_stack(geodesy.offset_m(*truth[answered].T, *estimate[answered].T))
        covariance = np.array([r.covariance_m2 for r in known], dtype=np.float64).reshape(-1, 2, 2)
        return cls(
            stamp_ns=np.array([record.stamp_ns for record in known], dtype=np.int64),
            truth_deg=truth,
            answered=answered,
            error_m=error_m,
            covariance_m2=np.where(answered[:, None, None], covariance, np.nan),
            score=np.array([record.score for record in known], dtype=np.float64),
            margin=np.array([record.margin for record in known], dtype=np.float64),
            refined=np.array([record.refined for record in known], dtype=np.bool_),
            attitude_m=np.array([record.attitude_m for record in known], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.stamp_ns)

    def take(self, rows: NDArray[np.integer] | BoolArray) -> "Answers":
        """Return the rows at these indices, which may repeat, or where a mask is True."""
        return Answers(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @cached_property
    def distance_m(self) -> Float64Array:
        """Horizontal error (n,); NaN without an estimate."""
        return np.asarray(np.hypot(self.error_m[:, 0], self.error_m[:, 1]), dtype=np.float64)

    @cached_property
    def sigma_m(self) -> Float64Array:
        """Claimed standard deviation (n,): the root of the covariance's trace; NaN without one."""
        return integrity.sigma_m(self.covariance_m2)

    @cached_property
    def normalised(self) -> Float64Array:
        """Normalized squared error (n,), e'Σ⁻¹e; its mean is 2 for a consistent covariance.

        It is NaN without a covariance. It is inf if the matrix is not a covariance (zero, singular,
        negative); such a fix counts as outside every ellipse.
        """
        return integrity.normalised_error(self.error_m, self.covariance_m2)


def joined(parts: Sequence[Answers]) -> Answers:
    """Concatenate the rows of several flights."""
    columns = (field.name for field in fields(Answers))
    return Answers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns})


def _columns(pairs: Sequence[tuple[float, float]]) -> Float64Array:
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
