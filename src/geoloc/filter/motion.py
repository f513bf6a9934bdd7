# SPDX-License-Identifier: Apache-2.0
"""The motion model between two frames: displacement by odometry, or by an estimated speed without it.

A belief's grid holds the position alone. The rest of the state, odometry's error or the drone's speed, is
linear in the position. It is carried beside the grid as a Gaussian, u, with its covariance with the position,
so a look-up that corrects the position corrects u too (a marginalised point-mass filter: Schön, Gustafsson
and Nordlund, "Marginalized particle filters", IEEE Trans. Signal Processing 53, 2005).

With odometry, u = (scale, turn) is the error of its displacement d: the drone moved by d + D u, D = [d, d
turned left]. This is exact for any turn, so an unknown heading is the same model with a wide prior. Without
odometry, u is the speed over ground, an Ornstein-Uhlenbeck process: it is bounded, returns to its prior after
a minute without frames, and its contribution to the position is known exactly.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.filter.odometry import Displacement
from geoloc.filter.settings import FilterSettings

_WALK = 0.05  # metres per square root of a metre travelled
_WALK_IN_TIME = 0.2  # metres per square root of a second, also at rest
_ERROR_WALK = 0.02  # change of odometry's error over 100 m
_SPEED_TIME_S = 30.0  # time constant of the speed
_STRAIGHT_S = 20.0  # after which a drone turns sharply, or stops
_ODOMETRY_OUTLIERS = 1e-3  # probability that in a step it is worse than it claims, or has stuck
_ODOMETRY_OUTLIER_M = 30.0
_HAND_OVER_MPS = 4.0  # standard deviation of odometry's last speed once odometry has gone


OdometryError = tuple[Float64Array, Float64Array]
"""Mean (2,) and covariance (2, 2) of odometry's u."""

NO_ERROR: OdometryError = (np.zeros(2), np.zeros((2, 2)))


@dataclass(frozen=True, eq=False)
class MotionState:
    """The Gaussian u: the state beside the position.

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
class MotionStep:
    """The predicted motion of the drone over one step.

    Attributes:
        shift_m: (2,) displacement, east and north.
        spread_m2: (2, 2) covariance that it adds to the position.
        state: u after the step.
        outlier_probability: probability of a motion that this model does not foresee.
        outlier_sigma_m: standard deviation that such a motion adds to the position.
    """

    shift_m: Float64Array
    spread_m2: Float64Array
    state: MotionState
    outlier_probability: float
    outlier_sigma_m: float


def prior(
    by_odometry: bool,
    settings: FilterSettings,
    speed_mps: Float64Array | None = None,
    axes_error: OdometryError = NO_ERROR,
) -> MotionState:
    """Return the prior of u.

    Args:
        by_odometry: whether u is odometry's error.
        settings: error of odometry, and largest speed.
        speed_mps: (2,) the last speed by odometry; None where there never was any.
        axes_error: further error of odometry whose axes share the error of the heading.
    """
    if by_odometry:
        # With an unknown heading the displacement is zero, with a standard deviation of its own length.
        known = settings.odom_heading_known
        mean, spread = axes_error if known else (np.array([-1.0, 0.0]), np.zeros((2, 2)))
        covariance = spread + np.eye(2) * (settings.odom_error if known else 1.0) ** 2
        return MotionState(by_odometry, mean, covariance, np.zeros((2, 2)), speed_mps)
    if speed_mps is None:
        mean, sigma = np.zeros(2), settings.max_speed_mps / 2.0
    else:
        mean, sigma = speed_mps, _HAND_OVER_MPS
    return MotionState(by_odometry, mean, np.eye(2) * sigma**2, np.zeros((2, 2)), speed_mps)


def predict(
    state: MotionState,
    odometry: Displacement | None,
    duration_s: float,
    settings: FilterSettings,
    axes_error: OdometryError = NO_ERROR,
) -> MotionStep:
    """Predict the motion of one step.

    Args:
        state: u before the step.
        odometry: its displacement; None where there is none to trust.
        duration_s: of the step.
        settings: error of odometry, and largest speed.
        axes_error: see `prior`, for odometry that has just begun.
    """
    if state.by_odometry != (odometry is not None):
        state = prior(odometry is not None, settings, state.speed_mps, axes_error)
    if odometry is None:
        return _by_speed(state, duration_s, settings)
    return _by_odometry(state, odometry, duration_s)


def update(
    state: MotionState, before: tuple[Float64Array, Float64Array], after: tuple[Float64Array, Float64Array]
) -> MotionState:
    """Update u with the position's mean (2,) and covariance (2, 2), before and after a look-up."""
    gain = state.with_position @ np.linalg.pinv(before[1])
    mean = state.mean + gain @ (after[0] - before[0])
    covariance = _positive(state.covariance + gain @ (after[1] - before[1]) @ gain.T)
    speed_mps = state.speed_mps if state.by_odometry else mean
    return replace(
        state, mean=mean, covariance=covariance, with_position=gain @ after[1], speed_mps=speed_mps
    )


def _by_odometry(state: MotionState, odometry: Displacement, duration_s: float) -> MotionStep:
    (x, y), length_m = odometry.shift_m, float(np.hypot(*odometry.shift_m))
    jacobian = np.array([[x, -y], [y, x]])
    own = _WALK**2 * length_m + _WALK_IN_TIME**2 * duration_s
    noise = np.eye(2) * own
    if odometry.covariance_m2 is not None:
        noise = noise + odometry.covariance_m2
    shift_m = odometry.shift_m + jacobian @ state.mean
    error_walk = _ERROR_WALK**2 * length_m / 100.0
    spread, with_position = _spread(state, jacobian, noise)
    after = replace(
        state,
        covariance=state.covariance + np.eye(2) * error_walk,
        with_position=with_position,
        speed_mps=shift_m / duration_s if duration_s > 0 else state.speed_mps,
    )
    return MotionStep(shift_m, spread, after, _ODOMETRY_OUTLIERS, _ODOMETRY_OUTLIER_M)


def _by_speed(state: MotionState, duration_s: float, settings: FilterSettings) -> MotionStep:
    tau, variance = _SPEED_TIME_S, (settings.max_speed_mps / 2.0) ** 2
    kept = math.exp(-duration_s / tau)
    reach_s = tau * (1.0 - kept)
    of_position = variance * tau**2 * max(0.0, 2 * duration_s / tau - 3 + 4 * kept - kept**2)
    of_both, of_speed = variance * tau * (1 - kept) ** 2, variance * (1 - kept**2)
    jacobian, one = np.eye(2) * reach_s, np.eye(2)
    spread, with_position = _spread(state, jacobian, one * (of_position + _WALK_IN_TIME**2 * duration_s))
    mean = state.mean * kept
    after = replace(
        state,
        mean=mean,
        covariance=state.covariance * kept**2 + one * of_speed,
        with_position=with_position * kept + one * of_both,
        speed_mps=mean,
    )
    turned = -math.expm1(-duration_s / _STRAIGHT_S)
    return MotionStep(state.mean * reach_s, spread, after, turned, math.sqrt(variance) * reach_s)


def _spread(
    state: MotionState, jacobian: Float64Array, noise: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Return the growth of the position's covariance (2, 2), and u's with the new position (2, 2)."""
    shared = jacobian @ state.with_position
    grown = shared + shared.T + jacobian @ state.covariance @ jacobian.T + noise
    return _positive(grown), state.with_position + state.covariance @ jacobian.T


def _positive(matrix: Float64Array) -> Float64Array:
    """Return the nearest symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
