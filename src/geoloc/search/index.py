# SPDX-License-Identifier: Apache-2.0
"""Nearest tiles by cosine: exact with FAISS or NumPy, approximate with HNSW for large maps."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from geoloc.arrays import Float32Array, Int64Array
from geoloc.errors import FrameRefused, MapError, Reason, clause

_CHUNK_ROWS = 65_536
_HNSW_LINKS = 32
_HNSW_BUILD_BREADTH = 200
_HNSW_SEARCH_BREADTH = 256


class Index(Protocol):
    """An index over an (N, D) table that finds the rows most similar to a query."""

    def search(self, descriptors: Float32Array, k: int) -> tuple[Float32Array, Int64Array]:
        """Find the k best rows for each query.

        Args:
            descriptors: queries, float32 (Q, D), L2-normalized.
            k: number of rows to find; at most N are returned.

        Returns:
            Cosines, float32 (Q, k), descending along each row, and row numbers, int64 (Q, k). An approximate
            index pads a row with -1 if it finds fewer.

        Raises:
            FrameRefused: BAD_DESCRIPTOR if a query holds NaN or infinity.
            MapError: if the queries are not (Q, D), or k is less than 1.
        """
        ...


def open_index(descriptors: Float32Array, kind: str = "exact", path: Path | None = None) -> Index:
    """Open an index over descriptors.

    Args:
        descriptors: float32 (N, D), L2-normalized; may be memory-mapped.
        kind: "exact" (FAISS, or NumPy if FAISS is not installed), "numpy" (exact, reads a memory-mapped
            table piece by piece), or "hnsw" (approximate, FAISS).
        path: for "hnsw", file to read the graph from; if omitted, the graph is built from the descriptors.

    Raises:
        MapError: if the kind is unknown, the table is empty, FAISS is not installed, or the file is an index
            of another table.
    """
    if descriptors.ndim != 2 or 0 in descriptors.shape:
        raise MapError(
            f"the descriptors have shape {descriptors.shape}, but an index needs (N, D); build the map again."
        )
    if kind == "numpy" or (kind == "exact" and not has_faiss()):
        return _NumpyIndex(descriptors)
    if kind == "exact":
        return _FaissIndex(_flat(descriptors))
    if kind == "hnsw":
        return _FaissIndex(build_hnsw(descriptors) if path is None else _read_hnsw(path, descriptors))
    raise MapError(f"index kind {kind!r} is unknown; choose exact, numpy or hnsw.")


def has_faiss() -> bool:
    """Return whether FAISS is installed."""
    return importlib.util.find_spec("faiss") is not None


def write_hnsw(descriptors: Float32Array, path: Path) -> None:
    """Build an HNSW graph over descriptors (N, D) and write it to a file.

    Raises:
        MapError: if FAISS is not installed, or the file cannot be written.
    """
    faiss = _faiss()
    try:
        faiss.write_index(build_hnsw(descriptors), str(path))
    except RuntimeError as error:
        raise MapError(f"{path} cannot be written ({clause(error)}); check the free space.") from error


def build_hnsw(descriptors: Float32Array) -> Any:  # noqa: ANN401 - FAISS has no types
    """Build a FAISS HNSW graph over descriptors (N, D), by inner product."""
    faiss = _faiss()
    graph = faiss.IndexHNSWFlat(descriptors.shape[1], _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _HNSW_BUILD_BREADTH
    graph.hnsw.efSearch = _HNSW_SEARCH_BREADTH
    _add(graph, descriptors)
    return graph


class _FaissIndex:
    def __init__(self, index: Any) -> None:  # noqa: ANN401 - FAISS has no types
        self._index = index

    def search(self, descriptors: Float32Array, k: int) -> tuple[Float32Array, Int64Array]:
        queries = _checked(descriptors, self._index.d, k)
        scores, ids = self._index.search(queries, min(k, self._index.ntotal))
        return scores, ids


class _NumpyIndex:
    def __init__(self, descriptors: Float32Array) -> None:
        self._descriptors = descriptors

    def search(self, descriptors: Float32Array, k: int) -> tuple[Float32Array, Int64Array]:
        rows, size = self._descriptors.shape
        queries, k = _checked(descriptors, size, k), min(k, rows)
        best = np.empty((len(queries), 0), dtype=np.float32)
        ids = np.empty((len(queries), 0), dtype=np.int64)
        for start in range(0, rows, _CHUNK_ROWS):
            scores = queries @ self._descriptors[start : start + _CHUNK_ROWS].T
            found = np.broadcast_to(np.arange(start, start + scores.shape[1]), scores.shape)
            best, ids = _keep_best(np.hstack([best, scores]), np.hstack([ids, found]), k)
        return best, ids


def _keep_best(scores: Float32Array, ids: Int64Array, k: int) -> tuple[Float32Array, Int64Array]:
    """Return the k best columns of each row, best first; equal scores are ordered by id."""
    if scores.shape[1] > k:
        chosen = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        scores, ids = np.take_along_axis(scores, chosen, axis=1), np.take_along_axis(ids, chosen, axis=1)
    order = np.lexsort((ids, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(ids, order, axis=1)


def _checked(descriptors: Float32Array, size: int, k: int) -> Float32Array:
    queries = np.ascontiguousarray(descriptors, dtype=np.float32)
    if queries.ndim != 2 or queries.shape[1] != size:
        raise MapError(
            f"the queries have shape {queries.shape}, but the map's descriptors have {size} values, so the "
            "map was built with another encoder; rebuild it with `geoloc map build`."
        )
    if k < 1:
        raise MapError(f"k is {k}; ask for at least one tile.")
    if not np.isfinite(queries).all():
        raise FrameRefused(Reason.BAD_DESCRIPTOR, "the descriptor holds NaN or infinity; check the model.")
    return queries


def _faiss() -> Any:  # noqa: ANN401 - FAISS has no types
    if not has_faiss():
        raise MapError(
            "FAISS is not installed, but an approximate index needs it; run `pip install faiss-cpu`, or use "
            "the exact index."
        )
    return importlib.import_module("faiss")


def _flat(descriptors: Float32Array) -> Any:  # noqa: ANN401 - FAISS has no types
    index = _faiss().IndexFlatIP(descriptors.shape[1])
    _add(index, descriptors)
    return index


def _add(index: Any, descriptors: Float32Array) -> None:  # noqa: ANN401 - FAISS has no types
    # Add the rows in pieces, so that a memory-mapped table is never copied as a whole.
    for start in range(0, len(descriptors), _CHUNK_ROWS):
        index.add(np.ascontiguousarray(descriptors[start : start + _CHUNK_ROWS], dtype=np.float32))


def _read_hnsw(path: Path, descriptors: Float32Array) -> Any:  # noqa: ANN401 - FAISS has no types
    try:
        index = _faiss().read_index(str(path))
    except RuntimeError as error:
        raise MapError(f"{path} cannot be read as an index; build the map again.") from error
    if (index.ntotal, index.d) != descriptors.shape:
        raise MapError(
            f"{path} indexes {index.ntotal}×{index.d} descriptors, but the map has {descriptors.shape[0]}×"
            f"{descriptors.shape[1]}; build the map again."
        )
    return index
