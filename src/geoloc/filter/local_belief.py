# SPDX-License-Identifier: Apache-2.0
"""Belief while the drone is tracked: a point-mass filter on a fine square lattice.

The lattice moves with the drone, so motion needs no interpolation. The weights are convolved with the
Gaussian uncertainty of the motion, exactly, as a product of spectra. Likelihoods come from a cubic spline
through the tiles' scores, because the peak of the scores lies between tiles.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import RectBivariateSpline

from geoloc.arrays import BoolArray, Float64Array, Int64Array
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.motion import MotionStep
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles

_CELLS_PER_PITCH = 8
_MIN_CELLS = 64
_REACH_SIGMAS = 5.0
_MARGIN_PITCHES = 2.0
_OUTLIER_REACH = 2.5  # half the lattice holds at least this many standard deviations of the outliers
_SMALL_MAP = 2000  # tiles; the cost of scoring a smaller map as a whole is negligible


@dataclass(frozen=True, eq=False)
class LocalBelief:
    """Belief on a lattice.

    Attributes:
        weights: weights (n, n) summing to one, rows from the south, columns from the west.
        corner_m: place (2,) of weights[0, 0], east, north.
        cell_m: step of the lattice.
    """

    weights: Float64Array
    corner_m: Float64Array
    cell_m: float

    @property
    def axes_m(self) -> tuple[Float64Array, Float64Array]:
        """East coordinates of the columns and north coordinates of the rows, (n,) each."""
        steps_m = np.arange(len(self.weights)) * self.cell_m
        return self.corner_m[0] + steps_m, self.corner_m[1] + steps_m

    @property
    def centre_m(self) -> Float64Array:
        """Centre of the lattice, (2,)."""
        return np.asarray(self.corner_m + (len(self.weights) - 1) * self.cell_m / 2.0)

    @property
    def half_m(self) -> float:
        """Half side of the lattice."""
        return len(self.weights) * self.cell_m / 2.0

    def moments(self) -> tuple[Float64Array, Float64Array]:
        """Return mean (2,) and covariance (2, 2)."""
        east_m, north_m = self.axes_m
        by_column, by_row = self.weights.sum(axis=0), self.weights.sum(axis=1)
        mean = np.array([by_column @ east_m, by_row @ north_m])
        east_m, north_m = east_m - mean[0], north_m - mean[1]
        cross = float(north_m @ self.weights @ east_m)
        covariance = np.array([[by_column @ east_m**2, cross], [cross, by_row @ north_m**2]])
        return mean, covariance

    def points(self) -> tuple[Float64Array, Float64Array]:
        """Return the cells' places (n * n, 2) and their weights (n * n,)."""
        east_m, north_m = np.meshgrid(*self.axes_m)
        return np.column_stack([east_m.ravel(), north_m.ravel()]), self.weights.ravel()


def gaussian(tiles: Tiles, mean_m: Float64Array, covariance_m2: Float64Array) -> LocalBelief:
    """Return a Gaussian belief."""
    cell_m = tiles.pitch_m / _CELLS_PER_PITCH
    # A Gaussian narrower than a cell would fall between the cells.
    covariance = covariance_m2 + np.eye(2) * cell_m**2 / 4.0
    cells = _cells(covariance, cell_m)
    corner_m = mean_m - (cells - 1) * cell_m / 2.0
    offsets = (np.arange(cells) - (cells - 1) / 2.0) * cell_m
    precision = np.linalg.inv(covariance)
    east, north = np.meshgrid(offsets, offsets)
    power = precision[0, 0] * east**2 + 2 * precision[0, 1] * east * north + precision[1, 1] * north**2
    weights = np.exp(-power / 2.0)
    return LocalBelief(weights / weights.sum(), corner_m, cell_m)


def predict(belief: LocalBelief, step: MotionStep) -> LocalBelief:
    """Predict the belief after a motion: spread it by a Gaussian, mixed with a wider one for outliers.

    The outliers let look-ups correct a sharp turn, or odometry that is wrong for one step.
    """
    mean_m, covariance = belief.moments()
    framed = _framed(belief, mean_m, _cells(covariance + step.spread_m2, belief.cell_m))
    cells, cell_m = len(framed.weights), belief.cell_m
    north, east = np.meshgrid(np.fft.fftfreq(cells), np.fft.rfftfreq(cells), indexing="ij")
    east, north = east * (2 * np.pi / cell_m), north * (2 * np.pi / cell_m)
    spread = step.spread_m2
    power = spread[0, 0] * east**2 + 2 * spread[0, 1] * east * north + spread[1, 1] * north**2
    outlier_m = min(step.outlier_sigma_m, framed.half_m / _OUTLIER_REACH)
    tail = np.exp(-(outlier_m**2) * (east**2 + north**2) / 2.0)
    spectrum = np.exp(-power / 2.0) * (1.0 - step.outlier_probability + step.outlier_probability * tail)
    weights = np.fft.irfft2(np.fft.rfft2(framed.weights) * spectrum, s=framed.weights.shape)
    weights = np.maximum(weights, 0.0)
    return LocalBelief(weights / weights.sum(), framed.corner_m + step.shift_m, cell_m)


def update(belief: LocalBelief, likelihood: Float64Array, exponent: float) -> tuple[LocalBelief, float]:
    """Update the belief with a likelihood.

    Args:
        belief: belief before the look-up.
        likelihood: likelihood (n, n) of each cell, relative to the average place of the map.
        exponent: exponent that tempers the likelihood.

    Returns:
        The belief after the look-up, and the expected tempered likelihood under the belief before it.
    """
    weights = belief.weights * likelihood**exponent
    expected = float(weights.sum())
    return replace(belief, weights=weights / expected), expected


def tile_weights(
    belief: LocalBelief, tiles: Tiles, offset_m: Float64Array
) -> tuple[Int64Array, Float64Array]:
    """Return the ids (m,) and weights (m,) of tiles near the view's centre, `offset_m` from the camera.

    The weights follow a Gaussian with the belief's moments, wider by half a pitch, because a view between
    tiles resembles each of them.
    """
    mean_m, covariance = belief.moments()
    covariance = covariance + np.eye(2) * (tiles.pitch_m / 2.0) ** 2
    reach_m = 3.0 * float(np.sqrt(np.diag(covariance).max())) + float(tiles.pitches_m.max())
    ids = tiles.in_square(mean_m - offset_m, reach_m)
    away_m = tiles.centres_m[ids] - (mean_m - offset_m)
    power = np.einsum("ni,ij,nj->n", away_m, np.linalg.inv(covariance), away_m)
    return ids, np.exp(-power / 2.0)


def likelihood(
    belief: LocalBelief, tiles: Tiles, lookup: LookUp, model: LikelihoodModel, *, full: bool = False
) -> Float64Array:
    """Return the likelihood of a look-up at each cell (n, n), relative to the average place of the map.

    Unless `full`, only the tiles around the lattice and a sample of the other tiles are scored. The
    likelihood is 1 where the map has no tile, because a look-up is uninformative there.
    """
    centre_m = belief.centre_m - lookup.offset_m
    near = tiles.in_square(centre_m, belief.half_m + _MARGIN_PITCHES * float(tiles.pitches_m.max()))
    scores = lookup.scores_of(near).astype(np.float64)
    if full or len(tiles) <= _SMALL_MAP:
        all_scores = lookup.scores()
        background, mean = model.background(all_scores, tiles.prior), float(all_scores @ tiles.prior)
    else:
        background, mean = _from_sample(tiles, lookup, near, scores, model)
    total, mapped = np.zeros(belief.weights.shape), np.zeros(belief.weights.shape, dtype=bool)
    for level in range(len(tiles.pitches_m)):
        surface, known = _surface(belief, tiles, (near, scores), centre_m, level, mean)
        total += np.where(known, model.likelihood(surface, background), 0.0)
        mapped |= known
    return np.where(mapped, total / len(tiles.pitches_m), 1.0)


def _from_sample(
    tiles: Tiles, lookup: LookUp, near: Int64Array, scores: Float64Array, model: LikelihoodModel
) -> tuple[float, float]:
    """Estimate the score of the average place (`LikelihoodModel.background`) and the mean from a sample.

    All tiles nearby are counted, because one of them may outweigh the rest of the map.
    """
    others = np.setdiff1d(tiles.sample, near, assume_unique=True)
    of_near, of_others = tiles.prior[near], tiles.prior[others]
    of_others = of_others * ((1.0 - of_near.sum()) / of_others.sum())
    scores, prior = np.concatenate([scores, lookup.scores_of(others)]), np.concatenate([of_near, of_others])
    return model.background(scores, prior), float(scores @ prior)


def _surface(
    belief: LocalBelief,
    tiles: Tiles,
    scored: tuple[Int64Array, Float64Array],
    centre_m: Float64Array,
    level: int,
    fill: float,
) -> tuple[Float64Array, BoolArray]:
    """Return the scores (n, n) of a level over the lattice, and a mask (n, n) of where it has tiles.

    `centre_m` is the view's centre if the camera is at the centre of the lattice, `fill` the score of holes.
    """
    near, all_scores = scored
    ids, steps, origin_m = tiles.grid(near, level, centre_m)
    if not ids.size:
        return np.full(belief.weights.shape, fill), np.zeros(belief.weights.shape, dtype=bool)
    # Express the lattice in steps of the grid, and take the part of the grid that it needs.
    middle = (centre_m - origin_m) / tiles.pitches_m[level]
    steps_m = (np.arange(len(belief.weights)) - (len(belief.weights) - 1) / 2.0) * belief.cell_m
    east, north = (middle[axis] + steps_m / tiles.pitches_m[level, axis] for axis in (0, 1))
    first = np.floor([east[0], north[0]]).astype(np.int64) - 2
    count = np.ceil([east[-1], north[-1]]).astype(np.int64) + 3 - first
    columns, rows = (steps - first).T
    inside = (columns >= 0) & (columns < count[0]) & (rows >= 0) & (rows < count[1])
    at = rows[inside], columns[inside]
    scores, there = np.full(count[::-1], fill), np.zeros(count[::-1], dtype=bool)
    scores[at], there[at] = all_scores[np.searchsorted(near, ids[inside])], True
    east, north = east - first[0], north - first[1]
    spline = RectBivariateSpline(np.arange(count[1]), np.arange(count[0]), scores)
    return spline(north, east), there[np.ix_(np.rint(north).astype(int), np.rint(east).astype(int))]


def _cells(covariance_m2: Float64Array, cell_m: float) -> int:
    """Return the number of cells per side for a belief of this covariance, a size whose FFT is fast."""
    sigma_m = float(np.sqrt(np.diag(covariance_m2).max()))
    wanted = 2.0 * _REACH_SIGMAS * sigma_m / cell_m
    cells = _MIN_CELLS
    while cells < wanted:
        cells = cells * 3 // 2 if cells.bit_count() == 1 else cells * 4 // 3
    return cells


def _framed(belief: LocalBelief, mean_m: Float64Array, cells: int) -> LocalBelief:
    """Return the belief on a lattice with `cells` per side around its mean; weights outside are dropped."""
    first = np.rint((mean_m - belief.corner_m) / belief.cell_m - (cells - 1) / 2.0).astype(int)
    count = len(belief.weights)
    weights = np.zeros((cells, cells))
    low, high = np.maximum(first, 0), np.minimum(first + cells, count)
    into = low - first
    size = high - low
    weights[into[1] : into[1] + size[1], into[0] : into[0] + size[0]] = belief.weights[
        low[1] : high[1], low[0] : high[0]
    ]
    return LocalBelief(weights / weights.sum(), belief.corner_m + first * belief.cell_m, belief.cell_m)
