# SPDX-License-Identifier: Apache-2.0
"""The belief while the drone may be anywhere: a weight for each tile, and one for "off the map".

The grid of weights is displaced by the drone's motion; a weight moves on to the next tile only when the
displacement exceeds half a pitch. So motion does not blur the weights, and they are never interpolated.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, Int64Array
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import EAST, NORTH, SOUTH, WEST, Tiles

_OFF_MAP = 0.05  # prior probability
_AWAY_S = 20.0  # time constant after which a drone that left the map returns
_KIDNAPPED_PER_S = 1e-4
_RADIUS_PITCHES = 2.5
_MAX_DOUBLINGS = 8  # of the step by which weights spread: hundreds of pitches
_NO_SPREAD = 1e-4
_MIN_SPREAD = 0.02  # squared pitches; less is spread later, since a seventh of a pitch shows in no mode
_AXES = ((EAST, WEST), (NORTH, SOUTH))


@dataclass(frozen=True, eq=False)
class GlobalBelief:
    """A belief over all tiles.

    Attributes:
        weights: (N + 1,) float32, summing to one; the last is off the map, where look-ups are uninformative.
        displacement_m: (levels, 2) from a tile's centre to the camera position of its weight, east, north.
        pending_variance_m2: (2,) variance of the motion, east and north, still too small to be spread.
    """

    weights: Float32Array
    displacement_m: Float64Array
    pending_variance_m2: Float64Array = field(default_factory=lambda: np.zeros(2))

    @property
    def off_map(self) -> float:
        """Probability that the drone is off the map."""
        return float(self.weights[-1])


@dataclass(frozen=True, eq=False)
class Mode:
    """The most likely place: mean (2,) and covariance (2, 2) in metres, and its probability."""

    mean_m: Float64Array
    covariance_m2: Float64Array
    probability: float


def uniform(tiles: Tiles) -> GlobalBelief:
    """Return a uniform belief over the map."""
    weights = np.append(tiles.prior * (1.0 - _OFF_MAP), _OFF_MAP).astype(np.float32)
    return GlobalBelief(weights, np.zeros_like(tiles.pitches_m))


def from_points(
    tiles: Tiles, points_m: Float64Array, weights: Float64Array, remainder: GlobalBelief | None = None
) -> GlobalBelief:
    """Return the belief with these weights at points.

    Args:
        tiles: the map.
        points_m: (n, 2) east and north.
        weights: (n,), summing to one at most.
        remainder: the belief that takes the rest of the weight; None for a uniform one.
    """
    belief = remainder or uniform(tiles)
    # The displacement depends on the level, so the nearest tile has to be found twice.
    ids = tiles.nearest(points_m)[1]
    distance_m, ids = tiles.nearest(points_m - belief.displacement_m[tiles.level[ids]])
    on_map = distance_m <= np.hypot(*tiles.pitches_m.max(axis=0))
    binned = np.bincount(np.where(on_map, ids, len(tiles)), weights, len(tiles) + 1)
    rest = max(0.0, 1.0 - float(weights.sum()))
    return replace(belief, weights=(binned + rest * belief.weights).astype(np.float32))


def gaussian(
    tiles: Tiles, mean_m: Float64Array, covariance_m2: Float64Array, uniform_share: float
) -> GlobalBelief:
    """Return a Gaussian belief, wider than a pitch, mixed with a uniform one of this share."""
    belief = uniform(tiles)
    away_m = tiles.centres_m - mean_m
    power = np.einsum("ni,ij,nj->n", away_m, np.linalg.inv(covariance_m2), away_m)
    near = belief.weights[:-1] * np.exp((power.min() - power) / 2.0)
    weights = uniform_share * belief.weights
    weights[:-1] += (1.0 - uniform_share) * near / near.sum()
    return replace(belief, weights=weights.astype(np.float32))


def predict(
    belief: GlobalBelief, tiles: Tiles, shift_m: Float64Array, variance_m2: Float64Array, duration_s: float
) -> GlobalBelief:
    """Predict the belief after a motion.

    A share of it becomes uniform, so that no place is ever ruled out (a kidnapped drone); more where the
    drone may have left the map, to which it returns. The edges of the map reflect what is spread.

    Args:
        belief: before the motion.
        tiles: the map.
        shift_m: (2,) displacement of the drone, east and north.
        variance_m2: (2,) of the displacement, east and north.
        duration_s: of the motion.
    """
    weights = belief.weights.copy()
    off_map, weights[-1] = float(weights[-1]), 0.0
    pending_m2 = belief.pending_variance_m2 + variance_m2
    returns = max(0.0, off_map - _OFF_MAP) * -math.expm1(-duration_s / _AWAY_S)
    for axis, (forward, backward) in enumerate(_AXES):
        variance = pending_m2[axis] / tiles.pitches_m[:, axis] ** 2
        if float(variance.max()) >= _MIN_SPREAD:
            reflected = tiles.reflected_neighbours
            weights = _spread(weights, tiles, reflected[forward], reflected[backward], variance)
            pending_m2[axis] = 0.0
    kidnapped = kidnap_probability(duration_s)
    uniform_share = kidnapped + returns * (1.0 - kidnapped)
    weights *= np.float32((1.0 - kidnapped) * (1.0 - off_map) / max(float(weights.sum()), 1e-30))
    weights[:-1] += np.float32(uniform_share * (1.0 - _OFF_MAP)) * tiles.prior
    weights[-1] = (1.0 - kidnapped) * (off_map - returns) + uniform_share * _OFF_MAP
    return GlobalBelief(weights, belief.displacement_m + shift_m, pending_m2)


def kidnap_probability(duration_s: float) -> float:
    """Return the probability that the drone was carried off, or restarted elsewhere, in this time."""
    return -math.expm1(-_KIDNAPPED_PER_S * duration_s)


def update(
    belief: GlobalBelief, tiles: Tiles, lookup: LookUp, model: LikelihoodModel, exponent: float
) -> tuple[GlobalBelief, float]:
    """Update the belief with a look-up.

    Between tiles only the scores of the fine pass are interpolated; the others are too low to matter.

    Args:
        belief: before the look-up.
        tiles: the map.
        lookup: the measurement.
        model: its likelihood.
        exponent: power that the likelihood is raised to.

    Returns:
        The belief, and the likelihood of the look-up under it, relative to the average place.
    """
    belief = _realigned(belief, tiles, lookup.offset_m)
    scores, fine_ids = lookup.scores(), lookup.fine_ids()
    background = model.background(scores, tiles.prior)
    displaced = (belief.displacement_m - lookup.offset_m) / tiles.pitches_m
    interpolated = _interpolated(scores, tiles, displaced, fine_ids)
    weights = belief.weights.copy()
    weights[:-1] *= model.likelihood(interpolated, background) ** np.float32(exponent)
    weights[-1] *= model.off_map(background, _odds(tiles)) ** exponent
    total = weights.sum()
    weights /= total
    return replace(belief, weights=weights), float(total)


def outside(
    belief: GlobalBelief, tiles: Tiles, centre_m: Float64Array, half_m: float
) -> tuple[GlobalBelief, float]:
    """Return the belief given a place outside a square of this half side, and the probability of that."""
    weights = belief.weights.copy()
    weights[tiles.in_square(centre_m, half_m)] = 0.0
    probability = float(weights.sum())
    if not probability > 0.0:
        return uniform(tiles), 0.0
    return replace(belief, weights=weights / np.float32(probability)), probability


def tile_weights(belief: GlobalBelief, tiles: Tiles, offset_m: Float64Array) -> Float32Array:
    """Return the weights (N,) by the tile that the view is centred on, `offset_m` (2,) from the camera."""
    return np.asarray(_realigned(belief, tiles, offset_m).weights[:-1])


def mode(belief: GlobalBelief, tiles: Tiles) -> Mode:
    """Return the place around the most likely tile, with all the belief within two and a half pitches."""
    best = int(belief.weights[:-1].argmax())
    near = tiles.in_circle(
        tiles.centres_m[best], _RADIUS_PITCHES * float(tiles.pitches_m[tiles.level[best]].max())
    )
    weights = belief.weights[near].astype(np.float64)
    total = float(weights.sum())
    if not total > 0.0:  # all the belief is off the map
        return Mode(tiles.centres_m[best], np.diag(tiles.pitches_m[0] ** 2), 0.0)
    points_m = tiles.centres_m[near] + belief.displacement_m[tiles.level[near]]
    mean_m = weights @ points_m / total
    centred = points_m - mean_m
    # The position is uniform within a tile's cell, and some variance is still to be spread.
    within = np.diag(tiles.pitches_m[tiles.level[best]] ** 2 / 12.0 + belief.pending_variance_m2)
    return Mode(mean_m, (centred * weights[:, None]).T @ centred / total + within, total)


def _odds(tiles: Tiles) -> float:
    """Return the prior odds of a tile to off the map."""
    return (1.0 - _OFF_MAP) * float(tiles.prior.max()) / _OFF_MAP


def _realigned(belief: GlobalBelief, tiles: Tiles, offset_m: Float64Array) -> GlobalBelief:
    """Shift the weights by whole tiles, until the grid is displaced by half a pitch at most."""
    steps = np.rint((belief.displacement_m - offset_m) / tiles.pitches_m).astype(np.int64)
    weights = belief.weights
    for axis, (forward, backward) in enumerate(_AXES):
        for step in range(1, int(np.abs(steps[:, axis]).max()) + 1):
            # Weights move forward, so each tile takes the weight of the tile behind it.
            source = _source(tiles, steps[:, axis], step, backward, forward)
            weights = np.append(weights[:-1], np.float32(0.0))[source]
    lost = max(0.0, 1.0 - float(weights[:-1].sum()) - float(belief.weights[-1]))
    weights = np.append(weights[:-1], np.float32(belief.weights[-1] + lost))
    displacement_m = belief.displacement_m - steps * tiles.pitches_m
    return replace(belief, weights=weights, displacement_m=displacement_m)


def _source(tiles: Tiles, steps: Int64Array, step: int, backward: int, forward: int) -> Int64Array:
    """Return the tile that each takes its weight from in this step; itself on levels that are done."""
    if len(steps) == 1:
        return np.asarray(tiles.neighbours[backward if steps[0] > 0 else forward])
    source = np.arange(len(tiles) + 1)
    of_tile = steps[tiles.level]
    source[:-1] = np.where(of_tile >= step, tiles.neighbours[backward, :-1], source[:-1])
    source[:-1] = np.where(of_tile <= -step, tiles.neighbours[forward, :-1], source[:-1])
    return source


def _interpolated(
    scores: Float32Array, tiles: Tiles, displaced: Float64Array, ids: Int64Array
) -> Float32Array:
    """Return the scores (N,), with those of `ids` interpolated at places displaced from their centres.

    The displacement is (levels, 2) pitches, half a pitch at most. Interpolation is cubic (Catmull-Rom): a
    linear one would cut off a peak between two tiles.
    """
    of_levels = [ids[tiles.level[ids] == level] for level in range(len(displaced))]
    for axis, (forward, backward) in enumerate(_AXES):
        before, scores = scores, scores.copy()
        for here, along in zip(of_levels, displaced[:, axis], strict=True):
            ahead, behind = tiles.clamped_neighbours[forward], tiles.clamped_neighbours[backward]
            ahead, behind = (ahead, behind) if along >= 0 else (behind, ahead)
            share, there = np.float32(abs(along)), ahead[here]
            square, cube = share**2, share**3
            scores[here] = (
                (2 - 5 * square + 3 * cube) / 2 * before[here]
                + (share + 4 * square - 3 * cube) / 2 * before[there]
                + (2 * square - share - cube) / 2 * before[behind[here]]
                + (cube - square) / 2 * before[ahead[there]]  # the tile after the next
            )
    return scores


def _spread(
    weights: Float32Array,
    tiles: Tiles,
    forward: Int64Array,
    backward: Int64Array,
    variance: Float64Array,
) -> Float32Array:
    """Spread the weights along one axis by a variance (levels,) in squared pitches; the last becomes 0.

    Three taps reach a variance of 2/3 of a squared step; the rest is spread with steps twice as long.
    """
    weights[-1] = 0.0
    for doubling in range(_MAX_DOUBLINGS):
        share = np.minimum(variance / 2.0, 1.0 / 3.0)
        if float(share.max()) < _NO_SPREAD:
            break
        if doubling:
            forward, backward = forward[forward], backward[backward]
        by_tile = share.astype(np.float32)
        if len(share) > 1:
            by_tile = np.append(by_tile[tiles.level], np.float32(0.0))
        received = weights[forward]
        received += weights[backward]
        received *= by_tile
        weights *= 1 - 2 * by_tile
        weights += received
        weights[-1] = 0.0
        variance = (variance - 2.0 * share) / 4.0
    return weights
