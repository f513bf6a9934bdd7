# SPDX-License-Identifier: Apache-2.0
"""Belief about heading and height: a weight for each hypothesis of a look-up (see `geoloc.hypotheses`).

The beliefs about the place and about the hypothesis are treated as independent. A look-up with scores s(x, h)
multiplies them by

    place x: sum over h of p(h) exp(s(x, h) / T)        hypothesis h: sum over x of p(x) exp(s(x, h) / T)

where p is the belief before the look-up. `LookUp.marginalized` computes the first factor, and this module the
second. Like the likelihood of a place, the second factor has a floor for outliers and is raised to the
exponent of the look-up.
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

# Share of a weight that moves to each neighbour: a heading held by a gyro drifts by some degrees a minute.
_CHANGES_PER_S = 2e-3
_MAX_CHANGE = 0.2
_UNIFORM_SHARE = 0.02  # share of the belief that becomes uniform after each look-up


def uniform(hypotheses: Hypotheses) -> Float64Array:
    """Return uniform weights (n,)."""
    return np.full(hypotheses.count, 1.0 / hypotheses.count)


def predict(weights: Float64Array, hypotheses: Hypotheses, duration_s: float) -> Float64Array:
    """Predict the weights (n,) after a time during which the errors of heading and height may change."""
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
        weights: weights (n,) before the look-up.
        lookup: look-up of the frame, not marginalized.
        place: belief about the place before the look-up.
        tiles: tiles of the map.
        model: likelihood model of look-ups.
        exponent: exponent that tempers the likelihood.
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

    Odometry and attitude take north from the same compass or, without a compass, from the same start. While
    all headings are equally likely, the heading of odometry is unknown; it becomes known with the attitude's.
    """
    turns = np.radians(hypotheses.turns_deg)
    errors = np.column_stack([np.cos(turns) - 1.0, -np.sin(turns)])  # a clockwise turn is negative
    mean = weights @ errors
    centred = errors - mean
    return mean, (centred * weights[:, None]).T @ centred


def heading_offset_deg(weights: Float64Array, hypotheses: Hypotheses) -> float:
    """Return the estimated angle from the assumed heading to the true one, clockwise; NaN if unknown."""
    mean = complex(weights @ np.exp(1j * np.radians(hypotheses.turns_deg)))
    return math.degrees(math.atan2(mean.imag, mean.real)) if abs(mean) > 0.5 else math.nan


def height_scale(weights: Float64Array, hypotheses: Hypotheses) -> float:
    """Return the estimated ratio of the true height to the assumed one."""
    return math.exp(float(weights @ np.log(hypotheses.scales)))


def _expected(tile_weights: FloatArray, cosines: Float32Array, model: LikelihoodModel) -> Float64Array:
    """Return the unscaled expected likelihood (n,) over tiles with weights (m,) and cosines (m, n)."""
    if not tile_weights.size:  # off the map a look-up is uninformative
        return np.ones(cosines.shape[1])
    likelihood = np.exp((cosines - cosines.max()) / np.float32(model.temperature))
    return np.asarray(tile_weights @ likelihood, dtype=np.float64)
