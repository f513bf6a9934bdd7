# SPDX-License-Identifier: Apache-2.0
"""Mass that two sparse rows share, m_ij = Σ_g min(V_ig, V_jg), for all pairs with m_ij > 0."""

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csc_array, csr_array

from geoloc.arrays import Float32Array, Int32Array, Int64Array

_MINIMA_AT_ONCE = 1 << 21


def shared_mass(vectors: csr_array) -> Iterator[tuple[Int32Array, Int32Array, Float32Array]]:
    """Yield the masses that pairs of rows share, a piece of consecutive rows at a time.

    Each stored V_ig is compared with the entries of column g from row i downwards, so that each pair with
    j ≥ i occurs once.

    Args:
        vectors: non-negative matrix V, float32 (U, N).

    Yields:
        Rows i, columns j ≥ i and m_ij > 0, each (P,).
    """
    columns = vectors.tocsc()
    vectors = columns.tocsr()  # the same matrix, with sorted columns
    numbered = np.arange(columns.nnz, dtype=np.int32)
    places = csc_array((numbered, columns.indices, columns.indptr), columns.shape).tocsr().data
    counts = columns.indptr[vectors.indices + 1] - places
    ends = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
    for first, last in _pieces(ends[vectors.indptr]):
        entries = slice(vectors.indptr[first], vectors.indptr[last])
        starts = ends[vectors.indptr[first : last + 1]] - ends[entries.start]
        met = _runs(places[entries], counts[entries])
        minima = np.minimum(np.repeat(vectors.data[entries], counts[entries]), columns.data[met])
        sums = _summed(minima, columns.indices[met], starts, vectors.shape[0])
        rows = np.repeat(np.arange(first, last, dtype=np.int32), np.diff(sums.indptr))
        yield rows, sums.indices, sums.data


def _pieces(ends: Int64Array) -> Iterator[tuple[int, int]]:
    """Yield begin and end of pieces of rows, with a bounded number of minima but at least one row."""
    first = 0
    while first < len(ends) - 1:
        last = int(np.searchsorted(ends, ends[first] + _MINIMA_AT_ONCE, "right")) - 1
        last = max(first + 1, last)
        yield first, last
        first = last


def _runs(begins: Int32Array, counts: Int32Array) -> Int32Array:
    """Return several runs of consecutive numbers, one after the other."""
    ends = np.cumsum(counts, dtype=np.int32)
    return np.arange(ends[-1], dtype=np.int32) + np.repeat(begins - (ends - counts), counts)


def _summed(values: Float32Array, columns: Int32Array, starts: Int64Array, width: int) -> csr_array:
    """Return sparse rows of values, with the sum of the values of equal columns."""
    # A product with ones takes linear time, whereas summing duplicates would sort them.
    numbers = np.arange(len(values) + 1, dtype=np.int32)
    each = csr_array((values, columns, numbers), (len(values), width))
    ones = np.ones(len(values), np.float32)
    shape = len(starts) - 1, len(values)
    return csr_array((ones, numbers[:-1], starts.astype(np.int32)), shape) @ each
