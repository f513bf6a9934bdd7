# SPDX-License-Identifier: Apache-2.0
"""Jaccard distances between k-reciprocal neighbourhoods (Zhong et al., CVPR 2017), as sparse matrices.

An image has about fifty neighbours, for any number N of images, so no dense N × N matrix is stored. The
distances equal those of the dense form in the code of re-identification methods, which DMNIL uses:

- N(i) are the k1 most similar images, including i. R(i) = {j ∈ N(i) : i ∈ N(j)}; if i has copies, the first
  copy stands for i. R½(i) is defined likewise, with the first round(k1 / 2) + 1 images of each list.
- R*(i) = R(i) and R½(c) of every c ∈ R(i) for which |R½(c) ∩ R(i)| > ⅔ |R½(c)|.
- V_ij = softmax over R*(i) of -‖f_i - f_j‖², then the mean of V over the first k2 of N(i).
- J_ij = 1 - m_ij / (2 - m_ij) with m_ij = Σ_g min(V_ig, V_jg), the mass that two neighbourhoods share.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array, csr_array

from geoloc.arrays import Float32Array, Int32Array, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.clustering.cluster_config import check_neighbourhood
from geoloc_training.clustering.neighbours import Neighbours, find_neighbours
from geoloc_training.clustering.shared_mass import shared_mass

_PAIRS_AT_ONCE = 512  # keeps both sides in the processor's cache
_LENGTH_TOLERANCE = 0.01


@dataclass(frozen=True)
class Neighbourhoods:
    """The matrix V, with one row for all copies of a descriptor.

    Attributes:
        vectors: rows of V of the U distinct descriptors, each with sum 1, float32 (U, N).
        group: row of each image's descriptor, int64 (N,).
    """

    vectors: csr_array
    group: Int64Array


def jaccard_distances(features: Float32Array, k1: int, k2: int) -> csr_array:
    """Return the Jaccard distances of all pairs of images whose neighbourhoods share mass.

    Args:
        features: L2-normalized descriptors, float32 (N, D).
        k1: number of most similar images in a neighbourhood, including the image itself.
        k2: number of most similar images over which the neighbourhood is averaged; 1 for no average.

    Returns:
        Symmetric float32 (N, N). Pairs that are not stored are at distance 1. Zeros are stored for an image
        with itself and with its copies.

    Raises:
        ParameterError: k1 or k2 is out of range, or descriptors are not finite, not of length 1, or fewer
            than k1.
    """
    found = find_neighbourhoods(features, k1, k2)
    rows, columns, distances = (np.concatenate(part) for part in zip(*near_pairs(found.vectors), strict=True))
    beyond, size = rows != columns, found.vectors.shape[0]
    both = np.concatenate([rows, columns[beyond]]), np.concatenate([columns, rows[beyond]])
    table = coo_array((np.concatenate([distances, distances[beyond]]), both), (size, size)).tocsr()
    return table if size == len(found.group) else table[found.group][:, found.group]


def find_neighbourhoods(features: Float32Array, k1: int, k2: int) -> Neighbourhoods:
    """Return the neighbourhoods that `jaccard_distances` compares; raises as `jaccard_distances`."""
    check_neighbourhood(k1, k2)
    features = _checked(features, k1)
    near = find_neighbours(features, k1)
    # A descriptor counts once for each of its copies in a list.
    means = _rows(near.group[near.ids[:, :k2]].astype(np.int32), 1 / k2, len(near.kept))
    return Neighbourhoods(means @ _weights(features, near), near.group)


def near_pairs(
    vectors: csr_array, within: float = 1.0
) -> Iterator[tuple[Int32Array, Int32Array, Float32Array]]:
    """Yield pairs of rows of V with a distance below 1 and at most `within`, in pieces.

    Yields:
        Rows i, columns j ≥ i, and distances J_ij, each (P,).
    """
    for rows, columns, shared in shared_mass(vectors):
        distances = np.maximum(1 - shared / (2 - shared), 0)
        kept = (distances < 1) & (distances <= np.float32(within))
        yield rows[kept], columns[kept], distances[kept]


def _checked(features: Float32Array, k1: int) -> Float32Array:
    features = np.asarray(features, np.float32)
    if features.ndim != 2 or len(features) < k1:
        raise ParameterError(
            f"descriptors of shape {features.shape} are not (N, D) with at least k1={k1} images, the size of "
            "a neighbourhood; give more images, or a lower k1."
        )
    lengths = np.sqrt(np.einsum("nd,nd->n", features, features))
    wrong = np.flatnonzero(~np.isfinite(lengths))
    if len(wrong):
        raise ParameterError(
            f"descriptor {wrong[0]} is not finite, as the first of {len(wrong)}, so the weights are broken; "
            "train again."
        )
    wrong = np.flatnonzero(np.abs(lengths - 1) > _LENGTH_TOLERANCE)
    if len(wrong):
        raise ParameterError(
            f"descriptor {wrong[0]} has length {lengths[wrong[0]]:.3g}, not 1; L2-normalize all descriptors."
        )
    return np.ascontiguousarray(features)


def _weights(features: Float32Array, near: Neighbours) -> csr_array:
    """Return V before the average over k2, (U, N)."""
    weights = _cosines(features, near, _expanded(near))
    weights.data = np.exp(2 * weights.data - 2)
    sums = np.add.reduceat(weights.data, weights.indptr[:-1])
    weights.data /= np.repeat(sums, np.diff(weights.indptr))
    return weights


def _expanded(near: Neighbours) -> csr_array:
    """Return R* of each distinct descriptor, positive for its members, (U, N)."""
    full = _reciprocal(near, near.ids.shape[1])
    half = _reciprocal(near, round(near.ids.shape[1] / 2) + 1)[near.group]
    counts = (full @ half.T).multiply(full).tocsr()  # at (i, c), c ∈ R(i): |R½(c) ∩ R(i)|
    sizes = np.diff(half.indptr)
    counts.data = (3 * counts.data > 2 * sizes[counts.indices]).astype(np.float32)
    counts.eliminate_zeros()
    return full + counts @ half


def _reciprocal(near: Neighbours, k: int) -> csr_array:
    """Return 1 where j is among the first k of i and the first copy of i among the first k of j, (U, N)."""
    lists = _rows(near.ids[:, :k], 1.0, len(near.group))
    named_by = lists[:, near.kept].T.tocsr()[:, near.group]
    return lists.multiply(named_by).tocsr()


def _rows(ids: Int32Array, value: float, width: int) -> csr_array:
    """Return a matrix (U, width) with `value` at the columns that each row of `ids` (U, k) lists."""
    starts = np.arange(0, ids.size + 1, ids.shape[1], dtype=np.int32)
    return csr_array((np.full(ids.size, value, np.float32), ids.ravel(), starts), (len(ids), width))


def _cosines(features: Float32Array, near: Neighbours, members: csr_array) -> csr_array:
    """Return the cosines of each distinct descriptor with the stored members of its set, (U, N)."""
    rows, columns = np.repeat(near.kept, np.diff(members.indptr)), members.indices
    cosines = np.empty(members.nnz, np.float32)
    for begin in range(0, len(rows), _PAIRS_AT_ONCE):
        some = slice(begin, begin + _PAIRS_AT_ONCE)
        cosines[some] = np.einsum("pd,pd->p", features[rows[some]], features[columns[some]])
    return csr_array((cosines, members.indices, members.indptr), members.shape)
