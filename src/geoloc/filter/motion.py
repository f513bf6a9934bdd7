# SPDX-License-Identifier: Apache-2.0
"""How the drone moves between two frames: by odometry, or by a speed that the belief itself has shown.

A lattice holds the position alone. What else is needed, odometry's error or the drone's speed, is linear in
the position and is carried beside it as a Gaussian, u, with its correlation with the position: a look-up that
corrects the position corrects u in the same stroke (a marginalised point-mass filter: Schön, Gustafsson and
Nordlund, "Marginalized particle filters", IEEE Trans. Signal Processing 53, 2005).

With odometry, u = (scale, turn), the error of its displacement d: the drone went d + D u, D = [d, d turned
left]. That is exact for any turn, so a heading that is not known at all is the same model with a wide
prior. Without, u is the speed over ground, which wanders back to zero (an Ornstein-Uhlenbeck process): it
is bounded, a minute without frames leaves it free again, and what it adds to the position is known exactly.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.filter.odometry import Travel
from geoloc.filter.settings import FilterSettings

_WALK = 0.05  # metres per square root of a metre travelled
_WALK_IN_TIME = 0.2  # metres per square root of a second, also at rest
_LEARNT_ERROR = 0.02  # change of odometry's error over 100 m
_SPEED_KEPT_S = 30.0  # time constant of the speed
_STRAIGHT_S = 20.0  # after which a drone turns sharply, or stops
_ODOMETRY_FAILS = 1e-3  # probability that in a step it is worse than it says, or has stuck
_ODOMETRY_FAILS_BY_M = 30.0
_HAND_OVER_MPS = 4.0  # how well the last speed of odometry is known once it has gone


Error = tuple[Float64Array, Float64Array]
"""Mean (2,) and covariance (2, 2) of odometry's u."""

NO_ERROR: Error = (np.zeros(2), np.zeros((2, 2)))


@dataclass(frozen=True, eq=False)
class Drift:
    """u, what is known beside the position.

    Attributes:
        by_odometry: whether u is odometry's error, else the speed, m/s.
        mean: (2,).
        covariance: (2, 2).
        with_position: (2, 2) covariance of u, by rows, with the position.
        speed_mps: (2,) the last known speed, for when odometry goes; None before the first.
    """

    by_odometry: bool
    mean: Float64Array
    covariance: Float64Array
    with_position: Float64Array
    speed_mps: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class Moved:
    """One step of the drone.

    Attributes:
        shift_m: (2,).
        spread_m2: (2, 2) variance that it adds to the position.
        drift: what is known beside the position then.
        stray_share: probability that it went another way than foreseen.
        stray_m: standard deviation of how far, then.
    """

    shift_m: Float64Array
    spread_m2: Float64Array
    drift: Drift
    stray_share: float
    stray_m: float


def unknown(
    by_odometry: bool,
    settings: FilterSettings,
    speed_mps: Float64Array | None = None,
    turn: Error = NO_ERROR,
) -> Drift:
    """Return what is known of u before anything is: the priors of the settings.

    Args:
        by_odometry: whether u is odometry's error.
        settings: error of odometry, and largest speed.
        speed_mps: (2,) the last speed that odometry told; None where there never was any.
        turn: odometry's error besides, of axes that are as wrong as the heading.
    """
    if by_odometry:
        # A displacement of unknown direction: none, give or take its own length.
        known = settings.odom_heading_known
        mean, spread = turn if known else (np.array([-1.0, 0.0]), np.zeros((2, 2)))
        covariance = spread + np.eye(2) * (settings.odom_error if known else 1.0) ** 2
        return Drift(by_odometry, mean, covariance, np.zeros((2, 2)), speed_mps)
    if speed_mps is None:
        mean, sigma = np.zeros(2), settings.max_speed_mps / 2.0
    else:
        mean, sigma = speed_mps, _HAND_OVER_MPS
    return Drift(by_odometry, mean, np.eye(2) * sigma**2, np.zeros((2, 2)), speed_mps)


def step(
    drift: Drift,
    covariance_m2: Float64Array,
    travel: Travel | None,
    duration_s: float,
    settings: FilterSettings,
    turn: Error = NO_ERROR,
) -> Moved:
    """Predict the next position.

    Args:
        drift: what is known beside the position.
        covariance_m2: (2, 2) of the position before.
        travel: odometry's displacement; None where there is none to trust.
        duration_s: of the step.
        settings: error of odometry, and largest speed.
        turn: see `unknown`, for odometry that has just begun.
    """
    if drift.by_odometry != (travel is not None):
        drift = unknown(travel is not None, settings, drift.speed_mps, turn)
    if travel is None:
        return _by_speed(drift, covariance_m2, duration_s, settings)
    return _by_odometry(drift, covariance_m2, travel, duration_s)


def corrected(
    drift: Drift, before: tuple[Float64Array, Float64Array], after: tuple[Float64Array, Float64Array]
) -> Drift:
    """Learn from how a look-up moved the position: mean (2,) and covariance (2, 2), before and after."""
    gain = drift.with_position @ np.linalg.pinv(before[1])
    mean = drift.mean + gain @ (after[0] - before[0])
    covariance = _positive(drift.covariance + gain @ (after[1] - before[1]) @ gain.T)
    speed_mps = drift.speed_mps if drift.by_odometry else mean
    return replace(
        drift, mean=mean, covariance=covariance, with_position=gain @ after[1], speed_mps=speed_mps
    )


def _by_odometry(drift: Drift, covariance_m2: Float64Array, travel: Travel, duration_s: float) -> Moved:
    (x, y), length_m = travel.shift_m, float(np.hypot(*travel.shift_m))
    lever = np.array([[x, -y], [y, x]])
    own = _WALK**2 * length_m + _WALK_IN_TIME**2 * duration_s
    noise = np.eye(2) * own
    if travel.covariance_m2 is not None:
        noise = noise + travel.covariance_m2
    shift_m = travel.shift_m + lever @ drift.mean
    learnt = _LEARNT_ERROR**2 * length_m / 100.0
    spread, with_position = _spread(drift, lever, noise)
    after = replace(
        drift,
        covariance=drift.covariance + np.eye(2) * learnt,
        with_position=with_position,
        speed_mps=shift_m / duration_s if duration_s > 0 else drift.speed_mps,
    )
    return Moved(shift_m, spread, after, _ODOMETRY_FAILS, _ODOMETRY_FAILS_BY_M)


def _by_speed(
    drift: Drift, covariance_m2: Float64Array, duration_s: float, settings: FilterSettings
) -> Moved:
    tau, variance = _SPEED_KEPT_S, (settings.max_speed_mps / 2.0) ** 2
    kept = math.exp(-duration_s / tau)
    reach_s = tau * (1.0 - kept)
    of_position = variance * tau**2 * max(0.0, 2 * duration_s / tau - 3 + 4 * kept - kept**2)
    of_both, of_speed = variance * tau * (1 - kept) ** 2, variance * (1 - kept**2)
    lever, one = np.eye(2) * reach_s, np.eye(2)
    spread, with_position = _spread(drift, lever, one * (of_position + _WALK_IN_TIME**2 * duration_s))
    mean = drift.mean * kept
    after = replace(
        drift,
        mean=mean,
        covariance=drift.covariance * kept**2 + one * of_speed,
        with_position=with_position * kept + one * of_both,
        speed_mps=mean,
    )
    turned = -math.expm1(-duration_s / _STRAIGHT_S)
    return Moved(drift.mean * reach_s, spread, after, turned, math.sqrt(variance) * reach_s)


def _spread(drift: Drift, lever: Float64Array, noise: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return how the position's covariance grows (2, 2), and u's covariance with the new position (2, 2)."""
    shared = lever @ drift.with_position
    grown = shared + shared.T + lever @ drift.covariance @ lever.T + noise
    return _positive(grown), drift.with_position + drift.covariance @ lever.T


def _positive(matrix: Float64Array) -> Float64Array:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
