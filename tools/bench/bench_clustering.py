#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure the time and memory of sparse and dense clustering, each variant in its own process.

.venv/bin/python tools/bench/bench_clustering.py                        as in `make bench`; seconds
.venv/bin/python tools/bench/bench_clustering.py 5000 10000 20000 37854 University-1652's size; minutes, 12 GB
.venv/bin/python tools/bench/bench_clustering.py 100000 --only sparse
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc_training.clustering import ClusterConfig, cluster

SMALL = (2000, 5000)
VARIANTS = ("dense", "sparse")
_SEED = 1
_COPIES, _NUMBERS = 54, 768  # University-1652's drone images per place; size of a descriptor
_CONFIG = ClusterConfig(eps=0.4)
_MANY = 1_000_000


@dataclass(frozen=True)
class Cost:
    """The cost of a clustering: wall time, CPU time of all threads, peak memory of the process."""

    images: int
    variant: str
    wall_s: float
    cpu_s: float
    peak_mb: float


@dataclass(frozen=True)
class Comparison:
    """The measured variants at one size; `rand_index` is None unless both were measured."""

    costs: tuple[Cost, ...]
    clusters: int
    outliers: int
    rand_index: float | None


def descriptors(images: int, seed: int = _SEED) -> NDArray[np.float32]:
    """Return noisy copies of random centres (N, 768) in random order; some are too noisy to be clustered."""
    rng = np.random.default_rng(seed)
    places = -(-images // _COPIES)
    shown = rng.permutation(images) % places
    noise = rng.uniform(1, 3, places).astype(np.float32)[shown]
    pictures = rng.standard_normal((images, _NUMBERS), np.float32) * noise[:, None]
    pictures += rng.standard_normal((places, _NUMBERS), np.float32)[shown]
    return np.asarray(pictures / np.linalg.norm(pictures, axis=1, keepdims=True), np.float32)


def compare(images: int, variants: Sequence[str] = VARIANTS) -> Comparison:
    """Cluster a number of images with each variant.

    Raises:
        subprocess.CalledProcessError: where a variant fails, most likely for lack of memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "features.npy"
        np.save(source, descriptors(images))
        costs, labels = [], []
        for variant in variants:
            answer = Path(folder) / f"{variant}.npy"
            words = [sys.executable, __file__, "--measure", variant, str(source), str(answer)]
            printed = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            costs.append(Cost(**json.loads(printed)))
            labels.append(np.load(answer))
    index = rand_index(labels[0], labels[1]) if len(labels) == len(VARIANTS) else None
    return Comparison(tuple(costs), int(labels[-1].max()) + 1, int((labels[-1] < 0).sum()), index)


def measure(variant: str, source: Path, answer: Path) -> Cost:
    """Cluster the descriptors of a file, write the labels to another file, and return the cost."""
    labels_of = _dense() if variant == "dense" else _sparse
    features = np.load(source)
    wall, cpu = time.perf_counter(), time.process_time()
    labels = labels_of(features, _CONFIG)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    np.save(answer, labels)
    return Cost(len(features), variant, *spent, _kilobytes("/proc/self/status", "VmHWM") / 1e3)


def rand_index(left: NDArray[np.int64], right: NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of two labellings (N,), outliers as a cluster; 1 if they agree."""
    _, a = np.unique(left, return_inverse=True)
    _, b = np.unique(right, return_inverse=True)
    cells = np.unique(a * (b.max() + 1) + b, return_counts=True)[1]
    both, in_a, in_b = (float((n * (n - 1) / 2).sum()) for n in (cells, np.bincount(a), np.bincount(b)))
    chance = in_a * in_b / (len(a) * (len(a) - 1) / 2)
    most = (in_a + in_b) / 2
    return 1.0 if most == chance else (both - chance) / (most - chance)


def fits(images: int) -> bool:
    """Return whether two matrices N × N, plus a tenth, fit into the available memory."""
    return 2.2 * 4 * images**2 < 1e3 * _kilobytes("/proc/meminfo", "MemAvailable")


def note(found: Comparison) -> str:
    """Return the ratios of sparse to dense cost."""
    dense, sparse = found.costs
    return (
        f"1/{dense.wall_s / sparse.wall_s:.1f} of the wall time, "
        f"1/{dense.cpu_s / sparse.cpu_s:.1f} of the CPU time, "
        f"1/{dense.peak_mb / sparse.peak_mb:.1f} of the memory; "
        f"adjusted Rand index {found.rand_index:.5f}"
    )


def projection(costs: Sequence[Cost], images: int = _MANY) -> str:
    """Extrapolate to more images: seconds a N + b N² and megabytes c + d N, fitted to `costs`."""
    sizes = np.array([cost.images for cost in costs], float)
    seconds, peaks = np.array([cost.cpu_s for cost in costs]), np.array([cost.peak_mb for cost in costs])
    # Fit relative errors, because the largest size would dominate absolute ones.
    relative = np.stack([sizes, sizes**2], axis=1) / seconds[:, None]
    linear, square = np.linalg.lstsq(relative, np.ones(len(costs)), rcond=None)[0]
    slope, base = np.polyfit(sizes, peaks, 1)
    return (
        f"{images:,} images, extrapolated: {(linear * images + square * images**2) / 3600:.1f} h of one "
        f"core, {(base + slope * images) / 1e3:.0f} GB"
    )


def _sparse(features: NDArray[np.float32], config: ClusterConfig) -> NDArray[np.int64]:
    return cluster(features, config).labels


def _dense() -> Callable[[NDArray[np.float32], ClusterConfig], NDArray[np.int64]]:
    # Imported here, so that FAISS takes no memory of the sparse variant and its import is not timed.
    from dense_clustering import dense_labels

    return dense_labels


def _kilobytes(path: str, name: str) -> float:
    lines = Path(path).read_text().splitlines()
    return float(next(line for line in lines if line.startswith(f"{name}:")).split()[1])


def _lines(sizes: Sequence[int], only: str | None) -> Iterator[str]:
    sparse = []
    for images in sizes:
        variants = [only] if only else [name for name in VARIANTS if name == "sparse" or fits(images)]
        found = compare(images, variants)
        yield f"{images:,} images: {found.clusters:,} clusters, {found.outliers:,} outliers"
        for cost in found.costs:
            yield f"  {cost.variant:<8}{cost.wall_s:>8.2f} s {cost.cpu_s:>8.2f} s {cost.peak_mb:>8.0f} MB"
        if found.rand_index is not None:
            yield f"  {note(found)}"
        elif not only:
            yield "  dense left out: its matrices do not fit into the available memory"
        sparse += [cost for cost in found.costs if cost.variant == "sparse"]
    if len(sparse) > 1:
        yield projection(sparse)


def main() -> None:
    """Print the comparison at the requested sizes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sizes", nargs="*", type=int, default=SMALL, help="Numbers of images.")
    parser.add_argument(
        "--only",
        choices=VARIANTS,
        help="Variant to measure; by default both, or sparse where dense does not fit into memory.",
    )
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        variant, source, answer = options.measure
        print(json.dumps(asdict(measure(variant, Path(source), Path(answer)))))
        return
    print("wall time, CPU time of all threads, peak memory of the process including the descriptors")
    for line in _lines(options.sizes, options.only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
