# SPDX-License-Identifier: Apache-2.0
"""The belief while the drone may be anywhere: one weight a tile, and one for "off the map".

The weights ride on the tiles' grid, displaced by what the drone has moved since; only when that is more than
half a pitch do they move on to the next tile. So motion blurs nothing, and costs no interpolation of weights.
"""

import math
from dataclasses import dataclass, field, replace

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, Int64Array
from geoloc.filter.likelihood_model import Evidence
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import (
    EAST,
    NORTH,
    SOUTH,
    WEST,
    Tiles,
)

_OFF_MAP = 0.05
_AWAY_S = 20.0  # how long a drone that left the map stays away
_KIDNAPPED_PER_S = 1e-4
_RADIUS_PITCHES = 2.5
_WIDEST_SPREAD = 8  # doublings of the step by which weights spread: hundreds of pitches
_NO_SPREAD = 1e-4
_WORTH_SPREADING = 0.02  # squared pitches: a sixth of a pitch, that no peak would show
_WAYS = ((EAST, WEST), (NORTH, SOUTH))


@dataclass(frozen=True, eq=False)
class Search:
    """A belief over all tiles.

    Attributes:
        weights: (N + 1,) float32, summing to one; the last is off the map, where a look-up says nothing.
        moved_m: (levels, 2) from a tile's centre to the camera that its weight speaks of, east, north.
        unspread_m2: (2,) variance of the motion, east and north, that is yet too little to spread weights by.
    """

    weights: Float32Array
    moved_m: Float64Array
    unspread_m2: Float64Array = field(default_factory=lambda: np.zeros(2))

    @property
    def off_map(self) -> float:
        """Probability that the drone is off the map."""
        return float(self.weights[-1])


@dataclass(frozen=True, eq=False)
class Peak:
    """The place where most of the belief is: mean (2,) and covariance (2, 2) in metres, and its share."""

    mean_m: Float64Array
    covariance_m2: Float64Array
    probability: float


def anywhere(tiles: Tiles) -> Search:
    """Return the belief of one who knows nothing: uniform over the ground."""
    weights = np.append(tiles.prior * (1.0 - _OFF_MAP), _OFF_MAP).astype(np.float32)
    return Search(weights, np.zeros_like(tiles.pitches_m))


def at(tiles: Tiles, points_m: Float64Array, masses: Float64Array, others: Search | None = None) -> Search:
    """Return the belief with these masses (n,) at points (n, 2); the rest is as in `others`, or anywhere."""
    search = others or anywhere(tiles)
    # Where a point lies on the displaced grid is only known once it is known on which.
    ids = tiles.nearest(points_m)[1]
    distance_m, ids = tiles.nearest(points_m - search.moved_m[tiles.level[ids]])
    on_map = distance_m <= np.hypot(*tiles.pitches_m.max(axis=0))
    known = np.bincount(np.where(on_map, ids, len(tiles)), masses, len(tiles) + 1)
    rest = max(0.0, 1.0 - float(masses.sum()))
    return replace(search, weights=(known + rest * search.weights).astype(np.float32))


def around(tiles: Tiles, mean_m: Float64Array, covariance_m2: Float64Array, anywhere_share: float) -> Search:
    """Return a Gaussian belief, wider than a pitch, that may with some probability be wrong."""
    search = anywhere(tiles)
    away_m = tiles.centres_m - mean_m
    power = np.einsum("ni,ij,nj->n", away_m, np.linalg.inv(covariance_m2), away_m)
    near = search.weights[:-1] * np.exp((power.min() - power) / 2.0)
    weights = anywhere_share * search.weights
    weights[:-1] += (1.0 - anywhere_share) * near / near.sum()
    return replace(search, weights=weights.astype(np.float32))


def move(
    search: Search, tiles: Tiles, shift_m: Float64Array, variance_m2: Float64Array, duration_s: float
) -> Search:
    """Move the belief.

    A part of it is spread anywhere, so that no place is ever ruled out; more where the drone had left the
    map, to which it will return. Not knowing where it flew does not take it off: the edges reflect.

    Args:
        search: before.
        tiles: the map.
        shift_m: (2,) how far the drone went.
        variance_m2: (2,) how surely, east and north.
        duration_s: in what time.
    """
    weights = search.weights.copy()
    off_map, weights[-1] = float(weights[-1]), 0.0
    unspread_m2 = search.unspread_m2 + variance_m2
    returns = max(0.0, off_map - _OFF_MAP) * -math.expm1(-duration_s / _AWAY_S)
    for axis, (forth, back) in enumerate(_WAYS):
        variance = unspread_m2[axis] / tiles.pitches_m[:, axis] ** 2
        if float(variance.max()) >= _WORTH_SPREADING:
            weights = _spread(weights, tiles, tiles.mirrored[forth], tiles.mirrored[back], variance)
            unspread_m2[axis] = 0.0
    forget = kidnapped(duration_s)
    strewn = forget + returns * (1.0 - forget)
    weights *= np.float32((1.0 - forget) * (1.0 - off_map) / max(float(weights.sum()), 1e-30))
    weights[:-1] += np.float32(strewn * (1.0 - _OFF_MAP)) * tiles.prior
    weights[-1] = (1.0 - forget) * (off_map - returns) + strewn * _OFF_MAP
    return Search(weights, search.moved_m + shift_m, unspread_m2)


def kidnapped(duration_s: float) -> float:
    """Return how likely it is that in this time the drone came to be anywhere: reset, or carried off."""
    return -math.expm1(-_KIDNAPPED_PER_S * duration_s)


def weigh(
    search: Search, tiles: Tiles, look: LookUp, evidence: Evidence, share_new: float
) -> tuple[Search, float]:
    """Take a look-up in; returns also how many times likelier it is here than at the average place.

    Between tiles only the foremost scores are interpolated: the others are too low for it to count.

    Args:
        search: before.
        tiles: the map.
        look: the look-up.
        evidence: what scores are worth.
        share_new: share of the look that is new.
    """
    search = _settled(search, tiles, look.offset_m)
    scores, foremost = look.everywhere(), look.foremost()
    background = evidence.background(scores, tiles.prior)
    displaced = (search.moved_m - look.offset_m) / tiles.pitches_m
    between = _between_tiles(scores, tiles, displaced, foremost)
    weights = search.weights.copy()
    weights[:-1] *= evidence.likelihood(between, background) ** np.float32(share_new)
    weights[-1] *= evidence.off_map(background, _odds(tiles)) ** share_new
    total = weights.sum()
    weights /= total
    return replace(search, weights=weights), float(total)


def without(search: Search, tiles: Tiles, centre_m: Float64Array, half_m: float) -> tuple[Search, float]:
    """Return the belief that is left outside a square of this half side, and what share of all it was."""
    weights = search.weights.copy()
    weights[tiles.near(centre_m, half_m)] = 0.0
    left = float(weights.sum())
    if not left > 0.0:
        return anywhere(tiles), 0.0
    return replace(search, weights=weights / np.float32(left)), left


def on_tiles(search: Search, tiles: Tiles, offset_m: Float64Array) -> Float32Array:
    """Return the weights (N,) by the tile that the view is centred on, `offset_m` (2,) from the camera."""
    return np.asarray(_settled(search, tiles, offset_m).weights[:-1])


def peak(search: Search, tiles: Tiles) -> Peak:
    """Return the place around the likeliest tile, with all that is believed within two pitches and a half."""
    best = int(search.weights[:-1].argmax())
    near = tiles.around(
        tiles.centres_m[best], _RADIUS_PITCHES * float(tiles.pitches_m[tiles.level[best]].max())
    )
    weights = search.weights[near].astype(np.float64)
    total = float(weights.sum())
    if not total > 0.0:  # all is off the map
        return Peak(tiles.centres_m[best], np.diag(tiles.pitches_m[0] ** 2), 0.0)
    points_m = tiles.centres_m[near] + search.moved_m[tiles.level[near]]
    mean_m = weights @ points_m / total
    centred = points_m - mean_m
    # Anywhere in a tile's cell, and what is still to be spread.
    within = np.diag(tiles.pitches_m[tiles.level[best]] ** 2 / 12.0 + search.unspread_m2)
    return Peak(mean_m, (centred * weights[:, None]).T @ centred / total + within, total)


def _odds(tiles: Tiles) -> float:
    """Return the odds of a tile to off the map, before any look-up."""
    return (1.0 - _OFF_MAP) * float(tiles.prior.max()) / _OFF_MAP


def _settled(search: Search, tiles: Tiles, offset_m: Float64Array) -> Search:
    """Hand the weights on to other tiles, until each is displaced by half a pitch at most."""
    steps = np.rint((search.moved_m - offset_m) / tiles.pitches_m).astype(np.int64)
    weights = search.weights
    for axis, (forth, back) in enumerate(_WAYS):
        for step in range(1, int(np.abs(steps[:, axis]).max()) + 1):
            # A tile's weight goes forth: what it then has is that of the tile behind it.
            source = _along(tiles, steps[:, axis], step, back, forth)
            weights = np.append(weights[:-1], np.float32(0.0))[source]
    lost = max(0.0, 1.0 - float(weights[:-1].sum()) - float(search.weights[-1]))
    weights = np.append(weights[:-1], np.float32(search.weights[-1] + lost))
    return replace(search, weights=weights, moved_m=search.moved_m - steps * tiles.pitches_m)


def _along(tiles: Tiles, steps: Int64Array, step: int, back: int, forth: int) -> Int64Array:
    """Return from which tile each takes its weight in this step; of levels that are done, its own."""
    if len(steps) == 1:
        return np.asarray(tiles.neighbours[back if steps[0] > 0 else forth])
    source = np.arange(len(tiles) + 1)
    of_tile = steps[tiles.level]
    source[:-1] = np.where(of_tile >= step, tiles.neighbours[back, :-1], source[:-1])
    source[:-1] = np.where(of_tile <= -step, tiles.neighbours[forth, :-1], source[:-1])
    return source


def _between_tiles(
    scores: Float32Array, tiles: Tiles, displaced: Float64Array, ids: Int64Array
) -> Float32Array:
    """Return the scores (N,), those of `ids` at places displaced from their centres.

    Displaced is by (levels, 2) pitches, half at most. Cubic (Catmull-Rom): a straight line between two tiles
    would cut off the peak that lies between them.
    """
    of_levels = [ids[tiles.level[ids] == level] for level in range(len(displaced))]
    for axis, (forth, back) in enumerate(_WAYS):
        before, scores = scores, scores.copy()
        for here, along in zip(of_levels, displaced[:, axis], strict=True):
            ahead, behind = tiles.beside[forth], tiles.beside[back]
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
    forth: Int64Array,
    back: Int64Array,
    variance: Float64Array,
) -> Float32Array:
    """Spread the weights along one axis by a variance (levels,) in squared pitches; the last becomes 0.

    Three taps reach a variance of 2/3 of a squared step; what is more is spread with steps twice as long.
    """
    weights[-1] = 0.0
    for doubling in range(_WIDEST_SPREAD):
        share = np.minimum(variance / 2.0, 1.0 / 3.0)
        if float(share.max()) < _NO_SPREAD:
            break
        if doubling:
            forth, back = forth[forth], back[back]
        by_tile = share.astype(np.float32)
        if len(share) > 1:
            by_tile = np.append(by_tile[tiles.level], np.float32(0.0))
        around = weights[forth]
        around += weights[back]
        around *= by_tile
        weights *= 1 - 2 * by_tile
        weights += around
        weights[-1] = 0.0
        variance = (variance - 2.0 * share) / 4.0
    return weights
