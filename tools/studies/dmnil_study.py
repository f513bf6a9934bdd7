#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure what DMNIL and its parts learn from unpaired images of real places, over several seeds.

    .venv/bin/python tools/studies/dmnil_study.py --imagery DIR/naip_ca_multiyear --out runs/dmnil-study

The study arranges the imagery like University-1652: satellite images of the newest date, and drone views
rendered from other dates. It trains on Long Beach, Palm Springs, Bishop and Eureka, without the pairing, and
tests on Claremont, with Chico as distractors. It trains every variant with every seed, from random weights.
Test recall is recorded after each epoch but selects nothing: the last epoch counts. Finished runs are
skipped. `--init RUN` starts from that run's weights instead of random ones, for the variant `all parts`.
Words after `--` are settings of `geoloc-train fit`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dmnil_report import write_report

from geoloc.encoder.torch_backend import ViewEncoder
from geoloc_training.compose import load_config
from geoloc_training.config import TrainConfig
from geoloc_training.datasets.generate import make_tiny
from geoloc_training.datasets.published.registry import load_benchmark
from geoloc_training.evaluation.benchmark import evaluate_features
from geoloc_training.items import Task
from geoloc_training.label_free.validation import LabelFreeValidation
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.prepare import prepare
from geoloc_training.training.checkpoint import initial_weights
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import launch, seed_everything
from geoloc_training.training.loop import build_method, fit

_NO_LEVELS = "method.levels.weight=0"
_NO_EVOLUTION = ("method.evolution.intra_epoch=1000", "method.evolution.cross_epoch=1000")
_NO_ENHANCEMENT = "method.enhancement.epoch=1000"
WHOLE = "all parts"
# Each variant adds a part to the one above it, except the last two.
VARIANTS = {
    "clusters alone": [_NO_LEVELS, *_NO_EVOLUTION, _NO_ENHANCEMENT],
    "+ DHML": [*_NO_EVOLUTION, _NO_ENHANCEMENT],
    "+ ICEL": [_NO_ENHANCEMENT],
    WHOLE: [],
    "without DHML": [_NO_LEVELS],
    "release": ["method.mode=release"],
}
# Small enough for this little data; the authors' schedule (epochs 1, 10, 20 of 40) is scaled accordingly.
RECIPE = [
    "+preset=dmnil",
    "data=u1652",
    "model={backbone: resnet18, backbone_args: {layers: [1, 2, 2, 1], channels: [48, 96, 192, 384]}, "
    "stem: unshuffle, head: both, head_channels: 48, descriptor_size: 256, input_px: 96, standardise: true, "
    "pretrained: false}",
    "method.steps_per_epoch=32",
    "method.mirrored=false",  # the drone views are north-up, like the map
    "method.clusters.k1=8",  # for 8 views per place; for 54 in University-1652 the authors use 30
    "method.clusters.k2=3",
    "method.evolution.cross_epoch=2",
    "method.enhancement.epoch=5",
    "image_augment={flip_share: 0.0, yaw_deg: 14.0, scale: 0.14, shift: 0.13, perspective: 0.03, "
    "colour: 0.4, dropout_share: 0.3, sharpness_share: 0.3}",
    "optimiser.name=adamw",  # SGD, the authors' choice, needs pretrained weights
    "optimiser.learning_rate=1e-3",
    "optimiser.schedule=cosine",  # the release divides by 10 after half the run, too early here
    "optimiser.descent=0.4",
    "optimiser.epochs=10",
    "optimiser.pairs=32",
    "evaluate_every=32",
    "checkpoint_every=160",
    "hardware.workers=1",
    "hardware.threads=1",
]


class Tests:
    """A validation by label-free metrics that also records the recall on the tests."""

    def __init__(self, source: ClusterBatches, tests: Sequence[Task]) -> None:
        self._free, self._tests = LabelFreeValidation(source), tests
        self.selected_by = self._free.selected_by

    def __call__(self, describer: Describer) -> dict[str, float]:
        """Return all metrics of an encoder."""
        found = self._free(describer)
        for task in self._tests:
            rows = describer.items(task.queries), describer.items(task.gallery)
            result = evaluate_features(task, *rows, ("full",))[0]
            found |= {f"{task.name} {name}": result.value(name) for name in ("R@1", "AP")}
        return found


def tree(imagery: Path, out: Path) -> Path:
    """Generate the data set unless it exists; return its folder."""
    if not (out / "places.csv").is_file():
        make_tiny(
            "u1652",
            out,
            imagery=imagery,
            places=None,
            drone_views=8,
            size_px=96,
            appearance=0.0,  # only the real differences between the dates
            train_groups=("long_beach", "palm_springs", "bishop", "eureka"),
            test_groups=("claremont",),
            distractor_groups=("chico",),
        )
    return out


def one_run(config: TrainConfig, run: Path, init: Path | None) -> None:
    """Train a run; write `beginning.json` (metrics before the first step) and `log.csv` into its folder."""
    fabric = launch(config.hardware)
    prepared = prepare(config, run.parent / "cache", fabric.device)
    if not isinstance(prepared.source, ClusterBatches):
        raise TypeError("the settings do not train DMNIL; use the preset `dmnil`.")
    tests = Tests(prepared.source, load_benchmark("u1652", config.data.folder()).tests)
    beginning = run / "beginning.json"
    if not beginning.is_file():
        encoder = _begun(config, prepared.source.places, init).to(fabric.device)
        figures = tests(Describer(encoder, config.model.input_px))
        run.mkdir(parents=True, exist_ok=True)
        beginning.write_text(json.dumps(figures), encoding="utf-8")
    fit(config, prepared.source, run, tests, initial=init, fabric=fabric)


def _begun(config: TrainConfig, places: int, init: Path | None) -> ViewEncoder:
    """Return the encoder before the first step, as `fit` makes it."""
    seed_everything(config.seed, config.hardware.threads)
    encoder = build_method(config, places).encoder
    if init is not None:
        encoder.load_state_dict(initial_weights(init))
    return encoder


def folder(out: Path, variant: str, seed: int, init: Path | None) -> Path:
    """Return the folder of a run."""
    words = variant.replace("+ ", "with ").replace(" ", "-").lower()
    return out / f"{words}{'-from-init' if init else ''}-{seed}"


def _all_runs(options: argparse.Namespace) -> list[Path]:
    """Train all requested runs, each in its own process; skip finished runs and return all that finished."""
    tree(options.imagery, options.out / "u1652")
    calls: dict[Path, list[str]] = {}
    for seed in options.seeds:
        for variant in options.variants:
            run = folder(options.out, variant, seed, options.init)
            chosen = ["--init", str(options.init)] if options.init else []
            rest = ["--one", variant, "--seeds", str(seed), *chosen, "--", *options.words]
            head = [sys.executable, __file__, "--imagery", str(options.imagery), "--out", str(options.out)]
            calls[run] = [*head, *rest]
    todo = [run for run in calls if not (run / "done").is_file()]
    with ThreadPoolExecutor(options.jobs) as pool:
        for run, code in zip(todo, pool.map(lambda run: _call(run, calls[run]), todo), strict=True):
            print(f"{run.name}: {'done' if code == 0 else f'failed, see {run}.txt'}", flush=True)
    return [run for run in calls if (run / "done").is_file()]


def _call(run: Path, words: list[str]) -> int:
    with Path(f"{run}.txt").open("a", encoding="utf-8") as text:
        return subprocess.run(words, stdout=text, stderr=text, check=False).returncode


def main() -> None:
    """Train the missing runs and write the report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--imagery", type=Path, required=True, help="Folder of multi-date imagery with an index.csv."
    )
    parser.add_argument("--out", type=Path, default=Path("runs/dmnil-study"), help="Folder for all files.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="Seeds to train with.")
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="Variants to train."
    )
    parser.add_argument("--init", type=Path, help="Run or model directory with the initial weights.")
    parser.add_argument("--jobs", type=int, default=1, help="Number of runs in parallel.")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help="Settings of `geoloc-train fit`, after --.")
    options = parser.parse_args()
    if options.one is None:
        write_report(_all_runs(options), options.out)
        return
    seed, root = options.seeds[0], options.out / "u1652"
    config = load_config(
        [*RECIPE, f"data.root={root}", f"seed={seed}", *VARIANTS[options.one], *options.words]
    )
    run = folder(options.out, options.one, seed, options.init)
    one_run(config, run, options.init)
    (run / "done").touch()


if __name__ == "__main__":
    main()
