# SPDX-License-Identifier: Apache-2.0
"""The records of a flight as arrays, one row a frame with a truth: what figures on belief are made from."""

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
        truth_deg: (n, 2) true latitude and longitude.
        answered: (n,) whether the frame has an estimate.
        error_m: (n, 2) estimate less truth, east and north; NaN where there is none.
        covariance_m2: (n, 2, 2) as claimed, east and north; NaN where nothing is claimed.
        score, margin: (n,) of the best tile; NaN where unknown.
        refined: (n,) whether the estimate was refined on the map's picture.
        attitude_m: (n,) deviation per axis that the attitude's error has in the covariance.
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
        """Gather the records that have a truth."""
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
        """Return some rows: indices, repeated ones too, or a mask."""
        return Answers(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    @cached_property
    def distance_m(self) -> Float64Array:
        """Horizontal error (n,); NaN where there is no estimate."""
        return np.asarray(np.hypot(self.error_m[:, 0], self.error_m[:, 1]), dtype=np.float64)

    @cached_property
    def sigma_m(self) -> Float64Array:
        """Claimed deviation (n,), the root of the covariance's trace; NaN where nothing is claimed."""
        return integrity.sigma_m(self.covariance_m2)

    @cached_property
    def normalised(self) -> Float64Array:
        """Squared error over claimed covariance (n,), e'Σ⁻¹e: 2 on average where the claim is honest.

        NaN where nothing is claimed; inf for a claim that is no covariance (zero, singular, negative): who
        claims certainty is outside every ellipse.
        """
        return integrity.normalised_error(self.error_m, self.covariance_m2)


def joined(parts: Sequence[Answers]) -> Answers:
    """Return the rows of several flights, one after the other."""
    columns = (field.name for field in fields(Answers))
    return Answers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns})


def _columns(pairs: Sequence[tuple[float, float]]) -> Float64Array:
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)
