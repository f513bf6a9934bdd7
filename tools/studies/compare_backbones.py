#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare backbones by recall and by milliseconds on a CPU, all trained with the same recipe.

Each candidate is trained on the same batches for the same number of steps. Its last averaged weights are
evaluated on a validation pair, exported to ONNX and timed. The same command continues an interrupted run.

.venv/bin/python tools/studies/compare_backbones.py --data DIR --out runs/backbones --steps 600 --pairs 64
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
import yaml
from backbone_report import BACKENDS_TIMED, time_all, write_tables

from geoloc.encoder import Encoder, open_encoder
from geoloc.encoder.card import ONNX_NAME, Architecture, Calibration, ModelCard
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import GeolocError, ParameterError
from geoloc_training.compose import load_config
from geoloc_training.config import TrainConfig, plain
from geoloc_training.datasets.imagery.load import load_every_place
from geoloc_training.evaluation.cross_date import evaluate, parse_pair
from geoloc_training.export import write_onnx
from geoloc_training.runlog import trained_minutes
from geoloc_training.training.checkpoint import load_average
from geoloc_training.training.describe import Describer

_WARMUP, _RAMP = 0.05, 0.1  # shares of the steps, as in preset `small`


@dataclass(frozen=True)
class Candidate:
    """A backbone under comparison; `args` and `stem` as in `model.backbone_args` and `model.stem`."""

    name: str
    backbone: str
    args: Mapping[str, Any] = field(default_factory=dict)
    stem: str = "timm"


@dataclass(frozen=True)
class Measured:
    """The metrics of a trained candidate.

    Attributes:
        name: name of the candidate.
        r1: R@1 of the validation queries, without distractors.
        r1_crowd: R@1 with all other images as distractors.
        queries: number of queries.
        parameters_m: millions of parameters, including the head.
        graph_mb: size of the ONNX file in MB.
        minutes: minutes of training.
    """

    name: str
    r1: float
    r1_crowd: float
    queries: int
    parameters_m: float
    graph_mb: float
    minutes: float


CANDIDATES = (
    Candidate("small", "resnet18", {"layers": [1, 2, 2, 1], "channels": [48, 96, 192, 384]}, "unshuffle"),
    Candidate("resnet18", "resnet18"),
    Candidate("mobilenetv4_conv_small", "mobilenetv4_conv_small"),
    Candidate("convnext_atto", "convnext_atto"),
    Candidate("vit_tiny", "vit_tiny_patch16_224"),
)


def main() -> None:
    """Train and measure the missing candidates, then print and write the table."""
    options = _parser().parse_args()
    try:
        _compare(options)
    except GeolocError as error:
        print(f"compare_backbones: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _parser() -> argparse.ArgumentParser:
    names = [candidate.name for candidate in CANDIDATES]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="Folder of the imagery (data.root).")
    parser.add_argument("--out", type=Path, required=True, help="Folder for runs, table and plot.")
    parser.add_argument("--steps", type=int, default=600, help="Number of training steps.")
    parser.add_argument("--pairs", type=int, default=64, help="Number of pairs in a step.")
    parser.add_argument("--px", type=int, default=160, help="Side of the views in pixels.")
    parser.add_argument("--threads", type=int, default=2, help="Number of CPU threads.")
    parser.add_argument(
        "--pair", default="chico:2018:2020", help="Validation pair, as city:map_date:query_date."
    )
    parser.add_argument("--only", nargs="+", choices=names, help="Candidates to compare; all by default.")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="Further settings, the same for all."
    )
    return parser


def _compare(options: argparse.Namespace) -> None:
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    done: list[Measured] = []
    try:
        for candidate in CANDIDATES:
            done += _measured(candidate, options)
    finally:
        # Even after an interruption there is a table of the finished candidates.
        if done:
            _report(done, options)
    if not done:
        raise ParameterError("no candidate was measured; see the messages above.")


def _measured(candidate: Candidate, options: argparse.Namespace) -> list[Measured]:
    """Measure a candidate, or read its earlier metrics; return an empty list if it is left out."""
    recipe, folder = recipe_of(candidate, options), options.out / candidate.name
    kept = _earlier(folder, recipe)
    if kept or (options.only and candidate.name not in options.only):
        return kept
    broken = why_not(recipe.model)
    if broken:
        print(f"{candidate.name}: skipped, {broken}", flush=True)
        return []
    measured = _train_and_measure(candidate.name, folder, recipe, options)
    print(f"{measured.name}: R@1 {measured.r1:.3f}, with distractors {measured.r1_crowd:.3f}", flush=True)
    return [measured]


def recipe_of(candidate: Candidate, options: argparse.Namespace) -> TrainConfig:
    """Return the preset `small` with the candidate's backbone and the options that all candidates share."""
    words = [
        "+preset=small",
        f"data.root={options.data.resolve()}",
        "data.validation=[]",
        f"model.input_px={options.px}",
        f"optimiser.steps={options.steps}",
        f"optimiser.pairs={options.pairs}",
        f"optimiser.warmup_steps={int(_WARMUP * options.steps)}",
        f"augment.ramp_steps={int(_RAMP * options.steps)}",
        f"hardware.threads={options.threads}",
        *options.set,
    ]
    recipe = load_config(words)
    chosen = replace(
        recipe.model,
        backbone=candidate.backbone,
        backbone_args=dict(candidate.args),
        stem=candidate.stem,
    )
    return replace(recipe, model=chosen)


def why_not(architecture: Architecture) -> str:
    """Return why an architecture cannot describe views or be exported to ONNX, or an empty string."""
    side = architecture.input_px
    try:
        encoder = ViewEncoder(architecture).eval()
        with torch.inference_mode():
            encoder(torch.zeros(2, side, side, 3, dtype=torch.uint8))
        with tempfile.TemporaryDirectory() as folder:
            write_onnx(encoder, Path(folder) / ONNX_NAME)
    except (GeolocError, RuntimeError, ValueError, IndexError) as error:
        return f"{architecture.backbone} does not work here: {str(error).splitlines()[0]}"
    return ""


def _earlier(folder: Path, recipe: TrainConfig) -> list[Measured]:
    """Read the metrics of an earlier run of the same recipe; return an empty list if there are none."""
    if not (folder / "measured.json").is_file():
        return []
    kept = yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))
    if kept != plain(recipe):
        raise ParameterError(
            f"{folder} was made by other settings and cannot be compared; choose another --out."
        )
    return [Measured(**json.loads((folder / "measured.json").read_text(encoding="utf-8")))]


def _train_and_measure(name: str, folder: Path, recipe: TrainConfig, options: argparse.Namespace) -> Measured:
    print(f"\n{name}: {recipe.optimiser.steps} steps of {recipe.optimiser.pairs} pairs", flush=True)
    folder.mkdir(exist_ok=True)
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(plain(recipe), sort_keys=False), encoding="utf-8")
    _train(path, folder)
    encoder = ViewEncoder(recipe.model)
    encoder.load_state_dict(load_average(folder, "last")[1])
    encoder.eval()
    write_onnx(encoder, folder / ONNX_NAME)
    grounds = load_every_place(replace(recipe.data, root=str(options.data)))
    base = parse_pair(options.pair)
    alone, crowd = (
        evaluate(Describer(encoder, recipe.model.input_px).views, grounds, protocol, recipe.model.input_px)
        for protocol in (base, replace(base, distractors=True))
    )
    measured = Measured(
        name=name,
        r1=round(alone.r1, 4),
        r1_crowd=round(crowd.r1, 4),
        queries=alone.queries,
        parameters_m=round(sum(weight.numel() for weight in encoder.parameters()) / 1e6, 2),
        graph_mb=round((folder / ONNX_NAME).stat().st_size / 1e6, 1),
        minutes=round(trained_minutes(folder), 1),
    )
    (folder / "measured.json").write_text(json.dumps(asdict(measured), indent=2), encoding="utf-8")
    return measured


def _train(recipe: Path, run: Path) -> None:
    """Run `geoloc-train fit` in its own process; it resumes an interrupted run."""
    program = "from geoloc_training.cli import main; main()"
    words = ["fit", "--config", str(recipe), "--out", str(run)]
    finished = subprocess.run([sys.executable, "-c", program, *words], check=False)
    if finished.returncode:
        raise ParameterError(f"training {run} ended with code {finished.returncode}; see its output above.")


def _report(done: Sequence[Measured], options: argparse.Namespace) -> None:
    """Time the measured candidates in all installed backends, then print and write the table."""
    installed = [backend for backend in BACKENDS_TIMED if find_spec(backend) is not None]
    latency = time_all(
        {
            (one.name, each): _open(options.out / one.name, each, options.threads)
            for one in done
            for each in installed
        }
    )
    rows = [asdict(one) | {f"{each}_ms": latency[one.name, each] for each in installed} for one in done]
    title = (
        f"{options.pair}, {options.steps} steps of {options.pairs} pairs, {options.px} px, "
        f"{options.threads} threads"
    )
    print(
        f"\n{write_tables(rows, options.out, title)}\nwritten: {options.out}/backbones.csv, .md, .png",
        flush=True,
    )


def _open(folder: Path, backend: str, threads: int) -> Encoder:
    """Load a candidate's graph in a backend, with a model card made from the recipe."""
    recipe = load_config(recipe=folder / "recipe.yaml")
    card = ModelCard(
        directory=folder,
        id=folder.name,
        sha256="",
        architecture=recipe.model,
        gsd_range_m=(0.0, 0.0),
        method=recipe.method.name,
        seed=recipe.seed,
        licence="",
        metrics=(),
        calibration=Calibration(-1.0, 0.0, ""),
    )
    return open_encoder(card, backend, threads)


if __name__ == "__main__":
    main()
