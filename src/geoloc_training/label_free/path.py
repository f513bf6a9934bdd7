# SPDX-License-Identifier: Apache-2.0
"""Estimates the path of a flight over the map's tiles from its frames, without truth.

The model is a hidden Markov model whose states are the tiles. The likelihood of a tile is
exp(cosine / (temperature · σ)), where σ is the standard deviation of the cosines of tiles of different
places; it makes the likelihood independent of the encoder's scale. From one frame to the next the drone moves
to any tile within reach with equal probability. With a small probability it jumps to any tile, which covers
missing and misjudged frames. A forward and a backward pass give each frame's probability of every tile.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from geoloc.arrays import Float32Array, Float64Array, Int64Array
from geoloc_training.label_free.sequence_context import SequenceContext

NEXT = 0.75  # share of `near_m`; reaches the 8 neighbours of a tile, at half a view straight or diagonally
_LEAST_SPREAD = 1e-3  # lower bound of σ, so that equal tiles give no information
_COMPARED = 20_000


@dataclass(frozen=True)
class PathModel:
    """Motion model of a drone, and weight of a frame's measurement.

    Attributes:
        temperature: temperature of the likelihood in units of σ; a higher value gives a frame less weight.
            Successive frames overlap and have correlated errors, so each must have little weight.
        reach: longest step between frames, as a share of `near_m`; kept frames are about a quarter of a view
            apart.
        jump: probability of a jump to any tile.
        trust: probability, summed over the best tile and its neighbours, above which a frame is located.
    """

    temperature: float = 0.6
    reach: float = NEXT
    jump: float = 0.02
    trust: float = 0.9


def places_along(
    queries: Float32Array, references: Float32Array, context: SequenceContext, model: PathModel | None = None
) -> Int64Array:
    """Return the most probable reference of each query, int64 (N,), -1 if it is too uncertain.

    Args:
        queries: unit descriptors of the frames (N, D).
        references: unit descriptors of the map's tiles (M, D).
        context: order of the queries and positions of the references.
        model: motion model; None for the defaults.
    """
    model = model or PathModel()
    steps = _steps(context, model.reach)
    sharpness = 1 / (model.temperature * _spread(references, context))
    found = np.full(len(queries), -1, np.int64)
    for chain in _chains(context.successive, len(queries)):
        chances = _chances(
            (sharpness * (queries[chain] @ references.T)).astype(np.float64), steps, model.jump
        )
        best = chances.argmax(axis=1)
        around = np.array([row @ near for row, near in zip(chances, steps[best].toarray() > 0, strict=True)])
        found[chain] = np.where(around > model.trust, best, -1)
    return found


def _spread(references: Float32Array, context: SequenceContext) -> float:
    """Return σ, the standard deviation of the cosines of references that are not near each other."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, len(references), (2, _COMPARED))
    apart = np.linalg.norm(context.positions_m[one] - context.positions_m[other], axis=1)
    different = apart > context.near_m
    cosines = (references[one[different]] * references[other[different]]).sum(axis=1)
    return max(float(cosines.std()), _LEAST_SPREAD) if len(cosines) else 1.0


def _chains(successive: Int64Array, count: int) -> list[Int64Array]:
    """Return the chains of successive queries; a query without a neighbour is its own chain."""
    follows = np.zeros(count, np.bool_)
    follows[successive[:, 1]] = True
    return np.split(np.arange(count), np.flatnonzero(~follows)[1:])


def _steps(context: SequenceContext, reach: float) -> csr_array:
    """Return the probability (M, M) of a step from the tile of a row to the tile of a column."""
    tree = cKDTree(context.positions_m)
    pairs = tree.query_pairs(reach * context.near_m, output_type="ndarray")
    alone = np.arange(len(context.positions_m))
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], alone])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], alone])
    reached = np.bincount(rows).astype(np.float64)
    return csr_array((1 / reached[rows], (rows, columns)))


def _chances(looks: Float64Array, steps: csr_array, jump: float) -> Float64Array:
    """Return the smoothed probability of each tile for each frame of a chain, (T, M)."""
    looks = np.exp(looks - looks.max(axis=1, keepdims=True))
    back = csr_array(steps.T)
    forward, backward = np.empty_like(looks), np.empty_like(looks)
    state = np.full(looks.shape[1], 1 / looks.shape[1])
    for row, look in enumerate(looks):
        forward[row] = state = _normed(state * look)
        state = (1 - jump) * (back @ state) + jump / len(state)
    state = np.ones(looks.shape[1])
    for row in range(len(looks) - 1, -1, -1):
        backward[row] = state
        seen = state * looks[row]
        state = _normed((1 - jump) * (steps @ seen) + jump * seen.mean())
    product = forward * backward
    return np.asarray(product / product.sum(axis=1, keepdims=True))


def _normed(row: Float64Array) -> Float64Array:
    return np.asarray(row / row.sum())
