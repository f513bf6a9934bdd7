# SPDX-License-Identifier: Apache-2.0
"""Motion model between two frames: displacement by odometry, or by an estimated speed without odometry.

The grid of a belief holds only the position. The rest of the state, u, is the error of odometry or the speed
of the drone, and is linear in the position. It is kept beside the grid as a Gaussian with its covariance with
the position, so a look-up that corrects the position corrects u too. This is a marginalized point-mass filter
(Schön, Gustafsson and Nordlund, "Marginalized particle filters", IEEE Trans. Signal Processing 53, 2005).

With odometry, u = (scale, turn) is the error of its displacement d: the drone moves by d + D u, with D = [d,
d turned left]. This is exact for any turn, so an unknown heading is the same model with a wide prior. Without
odometry, u is the speed over ground, modelled as an Ornstein-Uhlenbeck process. It is bounded, returns to its
prior after a minute without frames, and its contribution to the position has a closed form.
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
_STRAIGHT_S = 20.0  # mean time until a drone turns sharply or stops
_ODOMETRY_OUTLIERS_PER_S = 2e-3  # rate of single wrong steps; `rivals` rejects what stays wrong
_ODOMETRY_OUTLIER_M = 30.0
_HAND_OVER_MPS = 4.0  # standard deviation of odometry's last speed when odometry ends


OdometryError = tuple[Float64Array, Float64Array]
"""Mean (2,) and covariance (2, 2) of u with odometry."""

NO_ERROR: OdometryError = (np.zeros(2), np.zeros((2, 2)))


@dataclass(frozen=True, eq=False)
class MotionState:
    """Gaussian u, the part of the state beside the position.

    Attributes:
        by_odometry: True if u is the error of odometry, False if it is the speed, m/s.
        mean: mean of u, (2,).
        covariance: covariance of u, (2, 2).
        with_position: covariance (2, 2) of u (rows) with the position (columns).
        speed_mps: last known speed (2,), east and north, used when odometry ends; None if unknown.
    """

    by_odometry: bool
    mean: Float64Array
    covariance: Float64Array
    with_position: Float64Array
    speed_mps: Float64Array | None = None


@dataclass(frozen=True, eq=False)
class MotionStep:
    """Predicted motion of the drone over one step.

    Attributes:
        shift_m: displacement (2,), east and north.
        spread_m2: covariance (2, 2) that the step adds to the position.
        state: u after the step.
        outlier_probability: probability that the motion does not follow this model.
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
        by_odometry: whether u is the error of odometry.
        settings: error of odometry, and largest speed.
        speed_mps: last speed (2,) by odometry; None if unknown.
        axes_error: additional error if the axes of odometry share the error of the heading.
    """
    if by_odometry:
        # With an unknown heading, the displacement has mean zero, and its length as standard deviation.
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
        odometry: displacement by odometry; None if it cannot be trusted.
        duration_s: duration of the step.
        settings: error of odometry, and largest speed.
        axes_error: error of the axes when odometry begins; see `prior`.
    """
    if state.by_odometry != (odometry is not None):
        state = prior(odometry is not None, settings, state.speed_mps, axes_error)
    if odometry is None:
        return _by_speed(state, duration_s, settings)
    return _by_odometry(state, odometry, duration_s)


def update(
    state: MotionState, before: tuple[Float64Array, Float64Array], after: tuple[Float64Array, Float64Array]
) -> MotionState:
    """Update u from the mean (2,) and covariance (2, 2) of the position before and after a look-up."""
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
    outliers = -math.expm1(-_ODOMETRY_OUTLIERS_PER_S * duration_s)
    return MotionStep(shift_m, spread, after, outliers, _ODOMETRY_OUTLIER_M)


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
    """Return the growth (2, 2) of the position's covariance, and the covariance (2, 2) of u with it."""
    shared = jacobian @ state.with_position
    grown = shared + shared.T + jacobian @ state.covariance @ jacobian.T + noise
    return _positive(grown), state.with_position + state.covariance @ jacobian.T


def _positive(matrix: Float64Array) -> Float64Array:
    """Return the nearest symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2.0)
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
