# SPDX-License-Identifier: Apache-2.0
"""Three indexes give the same answer and refuse the same queries."""

import numpy as np
import pytest

from geoloc.errors import FrameRefused, MapError, Reason
from geoloc.search import index as index_module
from geoloc.search.index import open_index, write_hnsw


def unit_rows(rows, size, seed):
    values = np.random.default_rng(seed).standard_normal((rows, size)).astype(np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def table():
    return unit_rows(3000, 48, seed=1)


@pytest.fixture(scope="module")
def queries(table):
    noisy = table[::100] + 0.3 * unit_rows(30, 48, seed=2)
    return noisy / np.linalg.norm(noisy, axis=1, keepdims=True)


def brute_force(table, queries, k):
    scores = queries.astype(np.float64) @ table.T.astype(np.float64)
    ids = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, ids, axis=1), ids


@pytest.mark.parametrize("kind", ["exact", "numpy"])
def test_exact_indexes_agree_with_brute_force(table, queries, kind):
    scores, ids = open_index(table, kind).search(queries, 10)
    true_scores, true_ids = brute_force(table, queries, 10)
    np.testing.assert_array_equal(ids, true_ids)
    np.testing.assert_allclose(scores, true_scores, atol=1e-5)
    assert scores.dtype == np.float32
    assert ids.dtype == np.int64


def test_hnsw_finds_nearly_all_of_the_exact_answer(table, queries):
    _, ids = open_index(table, "hnsw").search(queries, 10)
    _, true_ids = brute_force(table, queries, 10)
    found = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(ids, true_ids, strict=True)])
    assert found > 0.95
    assert np.all(ids[:, 0] == true_ids[:, 0])


def test_hnsw_survives_the_disk(table, queries, tmp_path):
    write_hnsw(table, tmp_path / "index.faiss")
    read = open_index(table, "hnsw", tmp_path / "index.faiss").search(queries, 5)
    np.testing.assert_array_equal(read[1][:, 0], brute_force(table, queries, 1)[1][:, 0])


def test_numpy_reads_a_memory_mapped_table_in_pieces(table, queries, tmp_path, monkeypatch):
    np.save(tmp_path / "descriptors.npy", table)
    monkeypatch.setattr(index_module, "_CHUNK_ROWS", 700)
    mapped = np.load(tmp_path / "descriptors.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        open_index(mapped, "numpy").search(queries, 10)[1], brute_force(table, queries, 10)[1]
    )


def test_exact_falls_back_to_numpy_without_faiss(table, queries, monkeypatch):
    monkeypatch.setattr(index_module, "has_faiss", lambda: False)
    np.testing.assert_array_equal(open_index(table).search(queries, 3)[1], brute_force(table, queries, 3)[1])
    with pytest.raises(MapError, match="faiss-cpu"):
        open_index(table, "hnsw")


@pytest.mark.parametrize("kind", ["exact", "numpy", "hnsw"])
def test_k_is_limited_to_the_table(table, queries, kind):
    scores, ids = open_index(table[:4], kind).search(queries, 10)
    assert scores.shape == ids.shape == (len(queries), 4)


@pytest.mark.parametrize("kind", ["exact", "numpy", "hnsw"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_query_that_is_not_finite_is_refused(table, queries, kind, bad):
    broken = queries.copy()
    broken[3, 7] = bad
    with pytest.raises(FrameRefused) as refusal:
        open_index(table, kind).search(broken, 3)
    assert refusal.value.reason is Reason.BAD_DESCRIPTOR


@pytest.mark.parametrize("kind", ["exact", "numpy", "hnsw"])
def test_a_query_of_another_size_is_refused(table, kind):
    with pytest.raises(MapError, match="rebuild"):
        open_index(table, kind).search(unit_rows(2, 32, seed=3), 3)


def test_an_index_of_another_table_is_refused(table, tmp_path):
    write_hnsw(table[:100], tmp_path / "index.faiss")
    with pytest.raises(MapError, match="100×48"):
        open_index(table, "hnsw", tmp_path / "index.faiss")


def test_a_damaged_index_file_is_refused(table, tmp_path):
    (tmp_path / "index.faiss").write_bytes(b"not an index")
    with pytest.raises(MapError, match="build the map again"):
        open_index(table, "hnsw", tmp_path / "index.faiss")


def test_unknown_kinds_and_empty_tables_are_refused(table):
    with pytest.raises(MapError, match="unknown"):
        open_index(table, "magic")
    with pytest.raises(MapError, match="shape"):
        open_index(table[:0])
    with pytest.raises(MapError, match="at least one"):
        open_index(table).search(table[:1], 0)
