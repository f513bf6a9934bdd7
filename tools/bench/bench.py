#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure the speed and memory of localization and training, as ratios within one run.

Durations differ between machines; ratios can be compared.

make bench                          every table, also as runs/bench.json
.venv/bin/python tools/bench/bench.py index view
"""

import argparse
import importlib.util
import json
import math
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import bench_clustering
import numpy as np
from bench_flight import filtering, refinement
from bench_rows import Row, median_ms, unit
from bench_transport import transport
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, mount_rotation
from geoloc.camera.views import ViewSpec, frame_to_view
from geoloc.encoder import BACKENDS, load_card, load_encoder
from geoloc.encoder.card import Architecture
from geoloc.installed import find_model
from geoloc.search.index import open_index
from geoloc_lab.flight_simulator.aerial_camera import default_intrinsics

_SEED = 1
_BACKBONES = ("resnet18", "mobilenetv4_conv_small", "convnext_atto", "vit_tiny_patch16_224")
_PAIRS = 8
_PLACES, _PICTURES, _NUMBERS = 701, 51_355, 512  # University-1652's largest test; size of a descriptor
_HALF = _PICTURES // 2  # number of images for the naive method


def view() -> Iterator[Row]:
    """Time the warp of a frame, tilted by 10°, to a view of 160 pixels; ratios are to 640 x 480."""
    world_from_optical = Rotation.from_euler("xyz", [10, 0, 40], degrees=True).as_matrix() @ mount_rotation(
        NADIR_MOUNT_RPY_DEG
    )
    spec = ViewSpec(90.0, 160)
    for width, height in ((640, 480), (1280, 720), (1920, 1080), (4000, 3000)):
        frame = np.random.default_rng(_SEED).integers(0, 255, (height, width, 3), dtype=np.uint8)
        lens = default_intrinsics(width, height)
        work = partial(frame_to_view, frame, lens, world_from_optical, 110.0, spec, min_coverage=0.1)
        yield Row(f"{width} x {height}", median_ms(work))


def encoder() -> Iterator[Row]:
    """Time the shipped encoder on one view and on eight; ratios are to onnxruntime with one view."""
    model = find_model()
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
    """Time the search for a descriptor among 30,000 of size 256; ratios are to exact FAISS."""
    rng = np.random.default_rng(_SEED)
    centres = rng.standard_normal((1000, 256))
    descriptors = unit(centres[rng.integers(0, 1000, 30_000)] + 0.7 * rng.standard_normal((30_000, 256)))
    queries = unit(descriptors[:50] + 0.02 * rng.standard_normal((50, 256)))
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
            f"recall of the best ten {recall:.3f}, built in {built_s:.1f} s",
        )


def training() -> Iterator[Row]:
    """Time a training step in bfloat16 on two threads, by backbone; ratios are to the shipped one."""
    if not _can_train():
        return
    shipped = load_card(find_model()).architecture
    others = {name: replace(shipped, backbone=name, backbone_args={}, stem="timm") for name in _BACKBONES}
    for name, architecture in {"shipped": shipped, **others}.items():
        ms = median_ms(_training_step(architecture), least=3)
        yield Row(name, ms, f"{2 * _PAIRS / ms * 1e3:.0f} images/s of {architecture.input_px} px")


def _can_train() -> bool:
    """Return whether torch is installed; print a line if it is not."""
    found = all(importlib.util.find_spec(name) for name in ("torch", "timm", "safetensors"))
    if not found:
        print("  left out: torch is not installed; `make setup-train` installs it")
    return found


def _training_step(architecture: Architecture) -> Callable[[], None]:
    import torch
    from torch.nn import functional

    from geoloc.encoder.torch_backend import ViewEncoder

    torch.set_num_threads(2)
    encoder = ViewEncoder(architecture).train()
    optimiser = torch.optim.AdamW(encoder.parameters())
    side = architecture.input_px
    views = torch.randint(0, 256, (2 * _PAIRS, side, side, 3), dtype=torch.uint8)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            queries, references = encoder(views).chunk(2)
            loss = functional.cross_entropy(queries @ references.T / 0.07, torch.arange(_PAIRS))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def dmnil() -> Iterator[Row]:
    """Time a training step of DMNIL and its encoder's passes alone; ratios are to the first row."""
    if not _can_train():
        return
    import bench_dmnil_step

    for name in bench_dmnil_step.QUICK:
        cost = bench_dmnil_step.measure(bench_dmnil_step.SETUPS[name], steps=4)
        yield Row(f"{name}, passes", cost.bare)
        yield Row(f"{name}, step", cost.step, cost.note)


def evaluation() -> Iterator[Row]:
    """Time the ranking of images and of places; ratios are to a sort of all scores at once."""
    from geoloc_training.evaluation.ranking import rank_by_sorting, truth_of

    rng = np.random.default_rng(_SEED)
    places = unit(rng.standard_normal((_PLACES, _NUMBERS)))
    shown = np.arange(_PICTURES) % _PLACES
    pictures = unit(places[shown] + 0.05 * rng.standard_normal((_PICTURES, _NUMBERS)))
    part = _HALF
    place_of = truth_of(shown[:, None])
    part_of = truth_of(shown[:part, None])
    pictures_of = truth_of([np.flatnonzero(shown == place) for place in range(_PLACES)])
    for name, work in (
        (f"{part:,} x {_PLACES:,} at once", partial(_rank_at_once, pictures[:part], places, shown[:part])),
        (f"{part:,} x {_PLACES:,}", partial(rank_by_sorting, pictures[:part], places, part_of)),
        (f"{_PICTURES:,} x {_PLACES:,}", partial(rank_by_sorting, pictures, places, place_of)),
        (f"{_PLACES:,} x {_PICTURES:,}", partial(rank_by_sorting, places, pictures, pictures_of)),
    ):
        ms, peak_mb = _cost(work)
        yield Row(name, ms, f"{ms / 1e3:.1f} s, peak {peak_mb:.0f} MB")


def clustering() -> Iterator[Row]:
    """Time dense and sparse clustering; ratios are to the first row; more sizes: bench_clustering.py."""
    for images in bench_clustering.SMALL:
        found = bench_clustering.compare(images)
        dense, sparse = found.costs
        yield Row(f"{images:,} dense", 1e3 * dense.wall_s)
        yield Row(f"{images:,} sparse", 1e3 * sparse.wall_s, bench_clustering.note(found))


def _rank_at_once(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], right: NDArray[np.int64]
) -> NDArray[np.int64]:
    order = np.argsort(queries @ gallery.T, axis=1)[:, ::-1]
    return np.nonzero(order == right[:, None])[1]


def _cost(work: Callable[[], object]) -> tuple[float, float]:
    """Return the milliseconds and the peak megabytes of one call."""
    tracemalloc.start()
    began = time.perf_counter()
    work()
    spent = time.perf_counter() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return 1e3 * spent, peak / 1e6


TABLES: dict[str, Callable[[], Iterator[Row]]] = {
    "view": view,
    "encoder": encoder,
    "index": index,
    "filter": filtering,
    "refinement": refinement,
    "training": training,
    "dmnil": dmnil,
    "evaluation": evaluation,
    "clustering": clustering,
    "transport": transport,
}


def measure(name: str) -> dict[str, object]:
    """Print a table as its rows come, and return it as plain values."""
    about = (TABLES[name].__doc__ or "").strip()
    print(f"\n{name}: {about}")
    rows: list[dict[str, object]] = []
    base_ms = 0.0
    for row in TABLES[name]():
        base_ms = base_ms or row.ms
        ratio = row.ms / base_ms
        shown = " " * 9 + "–" + " " * 13 if math.isnan(ratio) else f"{row.ms:>9.2f} ms {ratio:>8.2f} x"
        print(f"  {row.name:<24}{shown}   {row.note}", flush=True)
        figures = {"ms": row.ms, "ratio": ratio}
        known = {key: None if math.isnan(value) else value for key, value in figures.items()}
        rows.append({"name": row.name, **known, "note": row.note})
    return {"about": about, "rows": rows}


def main() -> None:
    """Print the requested tables; write all tables to a file if none is named."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "table",
        nargs="*",
        choices=[*TABLES, []],
        metavar="TABLE",
        help=f"Tables to print, of {', '.join(TABLES)}; all by default.",
    )
    parser.add_argument("--out", type=Path, help="JSON file to write; runs/bench.json if no table is named.")
    options = parser.parse_args()
    out = options.out if options.table else options.out or Path("runs/bench.json")
    cores = Path("/proc/cpuinfo").read_text().count("processor")
    print(f"one run on {cores} cores, medians")
    tables = {name: measure(name) for name in options.table or TABLES}
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"cores": cores, "tables": tables}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
