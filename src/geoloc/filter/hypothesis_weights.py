# SPDX-License-Identifier: Apache-2.0
"""The belief about heading and height: a weight for each hypothesis of a look-up (see `geoloc.hypotheses`).

The belief about the place and the one about the hypothesis are independent factors. A look-up of scores
s(x, h) multiplies them by

    place x: sum over h of p(h) exp(s(x, h) / T)        hypothesis h: sum over x of p(x) exp(s(x, h) / T)

both with the beliefs before it. The first is `LookUp.marginalized`, the second is here; like the likelihood
of a place it has a floor for outliers, and is raised to the exponent of the look-up.
"""

import math

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, FloatArray
from geoloc.filter import global_belief, local_belief, motion
from geoloc.filter.global_belief import GlobalBelief
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.local_belief import LocalBelief
from geoloc.hypotheses import Hypotheses
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

# Share of a weight that moves on to each neighbour: a heading held by a gyro drifts by some degrees a minute.
_CHANGES_PER_S = 2e-3
_MAX_CHANGE = 0.2
_UNIFORM_SHARE = 0.02  # of the belief, spread over all hypotheses after each look-up


def uniform(hypotheses: Hypotheses) -> Float64Array:
    """Return uniform weights (n,)."""
    return np.full(hypotheses.count, 1.0 / hypotheses.count)


def predict(weights: Float64Array, hypotheses: Hypotheses, duration_s: float) -> Float64Array:
    """Predict the weights (n,) after a time in which the errors of heading and height may have changed."""
    change = min(_CHANGES_PER_S * duration_s, _MAX_CHANGE)
    neighbours = hypotheses.neighbours
    return np.asarray(weights * (1.0 - change * neighbours.sum(axis=0)) + change * (neighbours @ weights))


def update(
    weights: Float64Array,
    lookup: LookUp,
    place: GlobalBelief | LocalBelief,
    tiles: Tiles,
    model: LikelihoodModel,
    exponent: float,
) -> Float64Array:
    """Update the weights with a look-up.

    Args:
        weights: (n,) before the look-up.
        lookup: the measurement, not marginalized.
        place: belief about the place before the look-up.
        tiles: the map.
        model: the likelihood of scores.
        exponent: power that the likelihood is raised to.
    """
    if len(weights) == 1:
        return weights
    offset_m = lookup.marginalized(weights, model.temperature).offset_m
    if isinstance(place, LocalBelief):
        ids, near_weights = local_belief.tile_weights(place, tiles, offset_m)
        expected = _expected(near_weights, lookup.cosines_of(ids), model)
    else:
        all_weights = global_belief.tile_weights(place, tiles, offset_m)
        expected = _expected(*lookup.weighted_cosines(all_weights), model)
    likelihood = expected / max(float(weights @ expected), 1e-30)
    floor = model.outlier_share
    after = weights * ((1.0 - floor) * likelihood + floor) ** exponent
    return np.asarray(after / after.sum() * (1.0 - _UNIFORM_SHARE) + _UNIFORM_SHARE / len(weights))


def odometry_error(weights: Float64Array, hypotheses: Hypotheses) -> motion.OdometryError:
    """Return the error of odometry whose axes share the error of the attitude's heading.

    Both have their north from the same compass, or without one from the same start. While all headings are
    equally likely this is the error of an unknown heading; it becomes known as the heading does.
    """
    turns = np.radians(hypotheses.turns_deg)
    errors = np.column_stack([np.cos(turns) - 1.0, -np.sin(turns)])  # to be corrected clockwise
    mean = weights @ errors
    centred = errors - mean
    return mean, (centred * weights[:, None]).T @ centred


def heading_offset_deg(weights: Float64Array, hypotheses: Hypotheses) -> float:
    """Return the estimated angle from the assumed heading to the true one, clockwise; NaN where unknown."""
    mean = complex(weights @ np.exp(1j * np.radians(hypotheses.turns_deg)))
    return math.degrees(math.atan2(mean.imag, mean.real)) if abs(mean) > 0.5 else math.nan


def height_scale(weights: Float64Array, hypotheses: Hypotheses) -> float:
    """Return the estimated ratio of the true height to the assumed one."""
    return math.exp(float(weights @ np.log(hypotheses.scales)))


def _expected(tile_weights: FloatArray, cosines: Float32Array, model: LikelihoodModel) -> Float64Array:
    """Return the expected likelihood (n,) over tiles of weights (m,) and cosines (m, n), unscaled."""
    if not tile_weights.size:  # off the map a look-up is uninformative
        return np.ones(cosines.shape[1])
    likelihood = np.exp((cosines - cosines.max()) / np.float32(model.temperature))
    return np.asarray(tile_weights @ likelihood, dtype=np.float64)
