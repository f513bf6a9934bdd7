#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed and memory of what flies, as ratios within one run: machines differ, ratios travel.

make bench                          every table
.venv/bin/python tools/bench.py index view
"""

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from geoloc.camera.attitude import mount_rotation
from geoloc.camera.views import ViewSpec, frame_to_view
from geoloc.encoder import BACKENDS, load_encoder
from geoloc.index import open_index
from geoloc.installed import default_model, find_model
from geoloc.simulation.aerial_camera import default_intrinsics

_SEED = 1
_LEAST_S = 0.5


@dataclass(frozen=True)
class Row:
    """One line of a table: what was done, its median milliseconds, and whatever else tells."""

    name: str
    ms: float
    note: str = ""


def median_ms(work: Callable[[], object]) -> float:
    """Return the median duration of a call over at least half a second, after one call to warm up."""
    work()
    laps: list[float] = []
    while sum(laps) < _LEAST_S or len(laps) < 5:
        began = time.perf_counter()
        work()
        laps.append(time.perf_counter() - began)
    return 1e3 * statistics.median(laps)


def view() -> Iterator[Row]:
    """A frame tilted by 10 degrees becomes a view of 160 pixels; the ratio is to 640 x 480."""
    world_from_optical = Rotation.from_euler("xyz", [10, 0, 40], degrees=True).as_matrix() @ mount_rotation(
        (0, 90, 0)
    )
    spec = ViewSpec(90.0, 160)
    for width, height in ((640, 480), (1280, 720), (1920, 1080), (4000, 3000)):
        frame = np.random.default_rng(_SEED).integers(0, 255, (height, width, 3), dtype=np.uint8)
        lens = default_intrinsics(width, height)
        work = partial(frame_to_view, frame, lens, world_from_optical, 110.0, spec, min_coverage=0.1)
        yield Row(f"{width} x {height}", median_ms(work))


def encoder() -> Iterator[Row]:
    """The shipped encoder on one view and on eight; the ratio is to onnxruntime's one."""
    model = find_model(default_model())
    size = load_encoder(model).card.input_px
    views = np.random.default_rng(_SEED).integers(0, 255, (8, size, size, 3), dtype=np.uint8)
    reference = load_encoder(model).describe(views)
    for backend, (_, _, packages) in BACKENDS.items():
        if not all(importlib.util.find_spec(name) for name in packages.split()):
            continue
        loaded = load_encoder(model, backend, threads=2)
        worst = float((loaded.describe(views) * reference).sum(axis=1).min())
        for count in (1, 8):
            batch = views[:count]
            yield Row(
                f"{backend}, {count}", median_ms(partial(loaded.describe, batch)), f"cosine {worst:.6f}"
            )


def index() -> Iterator[Row]:
    """One descriptor among 30,000 of 256 numbers; the ratio is to exact FAISS; recall of its best ten."""
    rng = np.random.default_rng(_SEED)
    centres = rng.standard_normal((1000, 256))
    descriptors = _unit(centres[rng.integers(0, 1000, 30_000)] + 0.7 * rng.standard_normal((30_000, 256)))
    queries = _unit(descriptors[:50] + 0.02 * rng.standard_normal((50, 256)))
    truth = open_index(descriptors).search(queries, 10)[1]
    for kind in ("exact", "numpy", "hnsw"):
        began = time.perf_counter()
        opened = open_index(descriptors, kind)
        built_s = time.perf_counter() - began
        found = opened.search(queries, 10)[1]
        recall = np.mean(
            [len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), truth.tolist(), strict=True)]
        )
        yield Row(
            kind,
            median_ms(partial(opened.search, queries[:1], 10)),
            f"recall {recall:.3f}, ready in {built_s:.1f} s",
        )


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


TABLES: dict[str, Callable[[], Iterator[Row]]] = {"view": view, "encoder": encoder, "index": index}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "table", nargs="*", choices=[*TABLES, []], help="which tables; all where none is named"
    )
    chosen = parser.parse_args().table or list(TABLES)
    print(f"one run on {Path('/proc/cpuinfo').read_text().count('processor')} cores, medians")
    for name in chosen:
        print(f"\n{name}: {(TABLES[name].__doc__ or '').strip()}")
        base_ms = 0.0
        for row in TABLES[name]():
            base_ms = base_ms or row.ms
            print(f"  {row.name:<18}{row.ms:>9.2f} ms {row.ms / base_ms:>8.2f} x   {row.note}")


if __name__ == "__main__":
    main()
