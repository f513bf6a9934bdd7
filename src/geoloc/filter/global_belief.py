# SPDX-License-Identifier: Apache-2.0
"""Belief while the drone may be anywhere: a weight for each tile, and one for "off the map".

The grid of weights is displaced by the drone's motion. A weight moves to the next tile only when the
displacement exceeds half a pitch, so motion does not blur the weights.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, Int64Array
from geoloc.filter import hint
from geoloc.filter.hint import Hint
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import EAST, NORTH, SOUTH, WEST, Tiles

_OFF_MAP = 0.05  # prior probability of being off the map
_AWAY_S = 20.0  # time constant with which a drone that left the map returns
_KIDNAPPED_PER_S = 1e-4
_RADIUS_PITCHES = 2.5
_MAX_DOUBLINGS = 8  # largest number of doublings of the spreading step; reaches hundreds of pitches
_NO_SPREAD = 1e-4
_MIN_SPREAD = 0.02  # squared pitches; a deviation below a seventh of a pitch is spread later
_HINT_BLUR_PITCHES = 0.5
_LEAST_ON_MAP = 0.1  # share of a hint on the map below which the rest counts as off the map
_AXES = ((EAST, WEST), (NORTH, SOUTH))


@dataclass(frozen=True, eq=False)
class GlobalBelief:
    """Belief over all tiles.

    Attributes:
        weights: weights (N + 1,) float32, summing to one; the last one is the weight of being off the map,
            where look-ups are uninformative.
        displacement_m: displacement from a tile's centre to the camera position of its weight, east and
            north, (levels, 2).
        pending_variance_m2: variance (2,) of the motion, east and north, that is not yet spread.
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
    """Return a belief with given weights at points.

    Args:
        tiles: tiles of the map.
        points_m: points (n, 2), east and north.
        weights: weights (n,), summing to at most one.
        remainder: belief that takes the rest of the weight; None for a uniform belief.
    """
    belief = remainder or uniform(tiles)
    # The displacement depends on the level, so the nearest tile is found in two steps.
    ids = tiles.nearest(points_m)[1]
    distance_m, ids = tiles.nearest(points_m - belief.displacement_m[tiles.level[ids]])
    on_map = distance_m <= np.hypot(*tiles.pitches_m.max(axis=0))
    binned = np.bincount(np.where(on_map, ids, len(tiles)), weights, len(tiles) + 1)
    rest = max(0.0, 1.0 - float(weights.sum()))
    return replace(belief, weights=(binned + rest * belief.weights).astype(np.float32))


def predict(
    belief: GlobalBelief, tiles: Tiles, shift_m: Float64Array, variance_m2: Float64Array, duration_s: float
) -> GlobalBelief:
    """Predict the belief after a motion.

    A share of the belief becomes uniform, because the drone may have been kidnapped. The share is larger if
    the drone may have left the map, because it returns at an unknown place. The edges of the map reflect
    spreading weights.

    Args:
        belief: belief before the motion.
        tiles: tiles of the map.
        shift_m: displacement (2,) of the drone, east and north.
        variance_m2: variance (2,) of the displacement, east and north.
        duration_s: duration of the motion.
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
    """Return the probability that the drone was carried to, or restarted at, another place meanwhile."""
    return -math.expm1(-_KIDNAPPED_PER_S * duration_s)


def update(
    belief: GlobalBelief, tiles: Tiles, lookup: LookUp, model: LikelihoodModel, exponent: float
) -> tuple[GlobalBelief, float]:
    """Update the belief with a look-up.

    Only scores of the fine pass are interpolated between tiles; the other scores are too low to matter.

    Args:
        belief: belief before the look-up.
        tiles: tiles of the map.
        lookup: look-up of the frame.
        model: likelihood model of look-ups.
        exponent: exponent that tempers the likelihood.

    Returns:
        The belief after the look-up, and the look-up's expected likelihood under the belief before it,
        relative to the average place.
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


def density_of(given: Hint, belief: GlobalBelief, tiles: Tiles) -> Float64Array:
    """Return the density (N,) of a hint at the place of each tile, relative to the average place.

    A hint at the edge of the map is cut off there, so that it counts as much as one in the middle.
    """
    points_m = tiles.centres_m + belief.displacement_m[tiles.level]
    blur_m = _HINT_BLUR_PITCHES * tiles.pitches_m.max(axis=1)
    density = given.density(points_m, blur_m[tiles.level]) * tiles.areas_m2[tiles.level]
    return density / max(float(tiles.prior @ density), _LEAST_ON_MAP)


def weigh(
    belief: GlobalBelief, tiles: Tiles, density: Float64Array, exponent: float, wrong_share: float
) -> tuple[GlobalBelief, float]:
    """Update the belief with a hint.

    Args:
        belief: belief before the hint.
        tiles: tiles of the map.
        density: density (N,) of the hint; see `density_of`.
        exponent: exponent that tempers the likelihood.
        wrong_share: share of hints that are wrong.

    Returns:
        The belief after the hint, and the hint's expected likelihood under the belief before it.
    """
    off_map = max(0.0, 1.0 - float(tiles.prior @ density))  # as much of the hint as lies beside the map
    weights = belief.weights * hint.likelihood(np.append(density, off_map), wrong_share) ** exponent
    total = float(weights.sum())
    return replace(belief, weights=(weights / total).astype(np.float32)), total


def around_hint(
    belief: GlobalBelief, tiles: Tiles, density: Float64Array, exponent: float, wrong_share: float
) -> Mode:
    """Return the place where belief and hint meet, and the probability that the hint is right.

    The arguments are those of `weigh`.
    """
    weights = belief.weights[:-1] * density
    total = float(weights.sum())
    if not total > 0.0:
        return Mode(tiles.centres_m[0], np.diag(tiles.pitches_m[0] ** 2), 0.0)
    odds = ((1.0 - wrong_share) * total / wrong_share) ** exponent
    return _mode(belief, tiles, np.arange(len(tiles)), weights / total, odds / (1.0 + odds))


def outside(
    belief: GlobalBelief, tiles: Tiles, centre_m: Float64Array, half_m: float
) -> tuple[GlobalBelief, float]:
    """Condition a belief on a place outside a square; return it and the probability of such a place."""
    weights = belief.weights.copy()
    weights[tiles.in_square(centre_m, half_m)] = 0.0
    probability = float(weights.sum())
    if not probability > 0.0:
        return uniform(tiles), 0.0
    return replace(belief, weights=weights / np.float32(probability)), probability


def tile_weights(belief: GlobalBelief, tiles: Tiles, offset_m: Float64Array) -> Float32Array:
    """Return the weight (N,) of each tile as the view's centre, which lies `offset_m` from the camera."""
    return np.asarray(_realigned(belief, tiles, offset_m).weights[:-1])


def mode(belief: GlobalBelief, tiles: Tiles) -> Mode:
    """Return the place around the most likely tile, from the belief within two and a half pitches."""
    best = int(belief.weights[:-1].argmax())
    near = tiles.in_circle(
        tiles.centres_m[best], _RADIUS_PITCHES * float(tiles.pitches_m[tiles.level[best]].max())
    )
    weights = belief.weights[near].astype(np.float64)
    total = float(weights.sum())
    if not total > 0.0:  # all the belief is off the map
        return Mode(tiles.centres_m[best], np.diag(tiles.pitches_m[0] ** 2), 0.0)
    return _mode(belief, tiles, near, weights / total, total)


def _mode(
    belief: GlobalBelief, tiles: Tiles, ids: Int64Array, weights: Float64Array, probability: float
) -> Mode:
    """Return the mode of tiles (n,) with weights (n,) that sum to one."""
    points_m = tiles.centres_m[ids] + belief.displacement_m[tiles.level[ids]]
    mean_m = weights @ points_m
    centred = points_m - mean_m
    # The position is uniform within a tile's cell, and the pending variance is not yet spread.
    cell_m = tiles.pitches_m[tiles.level[ids[int(weights.argmax())]]]
    within = np.diag(cell_m**2 / 12.0 + belief.pending_variance_m2)
    return Mode(mean_m, (centred * weights[:, None]).T @ centred + within, probability)


def _odds(tiles: Tiles) -> float:
    """Return the prior odds of a tile against being off the map."""
    return (1.0 - _OFF_MAP) * float(tiles.prior.max()) / _OFF_MAP


def _realigned(belief: GlobalBelief, tiles: Tiles, offset_m: Float64Array) -> GlobalBelief:
    """Shift the weights by whole tiles until the grid is displaced by at most half a pitch."""
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
    """Return the tile from which each tile takes its weight; on finished levels, the tile itself."""
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
    """Return the scores (N,); those of the tiles `ids` are interpolated at places beside their centres.

    `displaced` (levels, 2) is at most half a pitch. The interpolation is cubic (Catmull-Rom), because a
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

    A kernel of three taps spreads by at most 2/3 of a squared step; the rest follows with doubled steps.
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
