# SPDX-License-Identifier: Apache-2.0
"""The belief while the drone is tracked: weights on a fine square lattice that rides along with it.

The lattice moves with the drone, so that motion costs no interpolation; what is not known of the motion is a
Gaussian that the weights are convolved with, exactly, as a product of spectra. Likelihoods come from a cubic
spline through the tiles' scores: the peak of a score surface lies between tiles, and a spline finds it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RectBivariateSpline

from geoloc.arrays import BoolArray, Float64Array, Int64Array
from geoloc.filter.likelihood_model import Evidence
from geoloc.filter.motion import Moved
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import (
    Tiles,
)

_CELLS_PER_PITCH = 8
_FEWEST = 64
_REACH_SIGMAS = 5.0
_MARGIN_PITCHES = 2.0
_STRAY_REACH = 2.5  # standard deviations of the wider spread within the lattice
_SMALL_MAP = 2000  # tiles: scoring all of them costs nothing


@dataclass(frozen=True, eq=False)
class Track:
    """A belief on a lattice.

    Attributes:
        weights: (n, n) summing to one, rows from the south, columns from the west.
        corner_m: (2,) the place of weights[0, 0], east, north.
        cell_m: step of the lattice.
    """

    weights: Float64Array
    corner_m: Float64Array
    cell_m: float

    @property
    def axes_m(self) -> tuple[Float64Array, Float64Array]:
        """East of the columns and north of the rows."""
        steps_m = np.arange(len(self.weights)) * self.cell_m
        return self.corner_m[0] + steps_m, self.corner_m[1] + steps_m

    @property
    def centre_m(self) -> Float64Array:
        """The middle of the lattice (2,)."""
        return np.asarray(self.corner_m + (len(self.weights) - 1) * self.cell_m / 2.0)

    @property
    def half_m(self) -> float:
        """Half the side of the lattice."""
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


def gaussian(tiles: Tiles, mean_m: Float64Array, covariance_m2: Float64Array) -> Track:
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
    return Track(weights / weights.sum(), corner_m, cell_m)


def move(track: Track, moved: Moved) -> Track:
    """Move the belief, with a spread that is a Gaussian and, for what was not foreseen, a wider one.

    So a turn, and odometry that is worse than it says or has stuck, is followed by what the look-ups say.
    """
    mean_m, covariance = track.moments()
    framed = _framed(track, mean_m, _cells(covariance + moved.spread_m2, track.cell_m))
    cells, cell_m = len(framed.weights), track.cell_m
    north, east = np.meshgrid(np.fft.fftfreq(cells), np.fft.rfftfreq(cells), indexing="ij")
    east, north = east * (2 * np.pi / cell_m), north * (2 * np.pi / cell_m)
    spread = moved.spread_m2
    power = spread[0, 0] * east**2 + 2 * spread[0, 1] * east * north + spread[1, 1] * north**2
    stray_m = min(moved.stray_m, framed.half_m / _STRAY_REACH)
    tail = np.exp(-(stray_m**2) * (east**2 + north**2) / 2.0)
    spectrum = np.exp(-power / 2.0) * (1.0 - moved.stray_share + moved.stray_share * tail)
    weights = np.fft.irfft2(np.fft.rfft2(framed.weights) * spectrum, s=framed.weights.shape)
    weights = np.maximum(weights, 0.0)
    return Track(weights / weights.sum(), framed.corner_m + moved.shift_m, cell_m)


def on_tiles(track: Track, tiles: Tiles, offset_m: Float64Array) -> tuple[Int64Array, Float64Array]:
    """Return tiles and their weights: how near each lies to the view's centre, `offset_m` from the camera.

    A Gaussian of the belief's moments, and half a pitch wider: what lies between tiles is like each of them.
    """
    mean_m, covariance = track.moments()
    covariance = covariance + np.eye(2) * (tiles.pitch_m / 2.0) ** 2
    reach_m = 3.0 * float(np.sqrt(np.diag(covariance).max())) + float(tiles.pitches_m.max())
    ids = tiles.near(mean_m - offset_m, reach_m)
    away_m = tiles.centres_m[ids] - (mean_m - offset_m)
    power = np.einsum("ni,ij,nj->n", away_m, np.linalg.inv(covariance), away_m)
    return ids, np.exp(-power / 2.0)


def likelihood(
    track: Track, tiles: Tiles, look: LookUp, evidence: Evidence, *, full: bool = False
) -> Float64Array:
    """Return how many times likelier each cell (n, n) is than the average place of the map.

    Only the tiles around the lattice are scored, and a sample of the others, unless `full`. Where the map
    has no tile a look-up says nothing: 1.
    """
    centre_m = track.centre_m - look.offset_m
    near = tiles.near(centre_m, track.half_m + _MARGIN_PITCHES * float(tiles.pitches_m.max()))
    scores = look.of(near).astype(np.float64)
    if full or len(tiles) <= _SMALL_MAP:
        everywhere = look.everywhere()
        background, rest = evidence.background(everywhere, tiles.prior), float(everywhere @ tiles.prior)
    else:
        background, rest = _from_sample(tiles, look, near, scores, evidence)
    total, mapped = np.zeros(track.weights.shape), np.zeros(track.weights.shape, dtype=bool)
    for level in range(len(tiles.pitches_m)):
        surface, known = _surface(track, tiles, (near, scores), centre_m, level, rest)
        total += np.where(known, evidence.likelihood(surface, background), 0.0)
        mapped |= known
    return np.where(mapped, total / len(tiles.pitches_m), 1.0)


def _from_sample(
    tiles: Tiles, look: LookUp, near: Int64Array, scores: Float64Array, evidence: Evidence
) -> tuple[float, float]:
    """Return the average place's score (see `Evidence.background`) and the mean score, from a part.

    The tiles near by are taken as they are: one of them may outweigh the rest of the map together.
    """
    others = np.setdiff1d(tiles.sample, near, assume_unique=True)
    of_near, of_others = tiles.prior[near], tiles.prior[others]
    of_others = of_others * ((1.0 - of_near.sum()) / of_others.sum())
    scores, prior = np.concatenate([scores, look.of(others)]), np.concatenate([of_near, of_others])
    return evidence.background(scores, prior), float(scores @ prior)


def _surface(
    track: Track,
    tiles: Tiles,
    scored: tuple[Int64Array, Float64Array],
    centre_m: Float64Array,
    level: int,
    rest: float,
) -> tuple[Float64Array, BoolArray]:
    """Return a level's scores (n, n) over the lattice, and where it has tiles; `rest` stands in for holes.

    `centre_m` is the place of the view where the camera is in the middle of the lattice.
    """
    near, all_scores = scored
    ids, steps, origin_m = tiles.grid(near, level, centre_m)
    if not ids.size:
        return np.full(track.weights.shape, rest), np.zeros(track.weights.shape, dtype=bool)
    # Places of the lattice in steps of the grid, and the part of the grid that they need.
    middle = (centre_m - origin_m) / tiles.pitches_m[level]
    steps_m = (np.arange(len(track.weights)) - (len(track.weights) - 1) / 2.0) * track.cell_m
    east, north = (middle[axis] + steps_m / tiles.pitches_m[level, axis] for axis in (0, 1))
    first = np.floor([east[0], north[0]]).astype(np.int64) - 2
    count = np.ceil([east[-1], north[-1]]).astype(np.int64) + 3 - first
    columns, rows = (steps - first).T
    inside = (columns >= 0) & (columns < count[0]) & (rows >= 0) & (rows < count[1])
    at = rows[inside], columns[inside]
    scores, there = np.full(count[::-1], rest), np.zeros(count[::-1], dtype=bool)
    scores[at], there[at] = all_scores[np.searchsorted(near, ids[inside])], True
    east, north = east - first[0], north - first[1]
    spline = RectBivariateSpline(np.arange(count[1]), np.arange(count[0]), scores)
    return spline(north, east), there[np.ix_(np.rint(north).astype(int), np.rint(east).astype(int))]


def _cells(covariance_m2: Float64Array, cell_m: float) -> int:
    """Return how many cells a side holds a belief of this covariance: a number that spectra are quick for."""
    sigma_m = float(np.sqrt(np.diag(covariance_m2).max()))
    wanted = 2.0 * _REACH_SIGMAS * sigma_m / cell_m
    cells = _FEWEST
    while cells < wanted:
        cells = cells * 3 // 2 if cells.bit_count() == 1 else cells * 4 // 3
    return cells


def _framed(track: Track, mean_m: Float64Array, cells: int) -> Track:
    """Return the belief on a lattice of this many cells a side around its mean; the rest is cut off."""
    first = np.rint((mean_m - track.corner_m) / track.cell_m - (cells - 1) / 2.0).astype(int)
    count = len(track.weights)
    weights = np.zeros((cells, cells))
    low, high = np.maximum(first, 0), np.minimum(first + cells, count)
    into = low - first
    size = high - low
    weights[into[1] : into[1] + size[1], into[0] : into[0] + size[0]] = track.weights[
        low[1] : high[1], low[0] : high[0]
    ]
    return Track(weights / weights.sum(), track.corner_m + first * track.cell_m, track.cell_m)
