# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train …`: fit, evaluate, export."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from geoloc.encoder import load_encoder
from geoloc.encoder.card import Calibration
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import GeolocError, ParameterError
from geoloc_training.checkpoint import load_average
from geoloc_training.compose import load_config
from geoloc_training.config import TrainConfig, plain
from geoloc_training.datasets.ground import Ground
from geoloc_training.datasets.load import load_every_place, load_places, load_sources
from geoloc_training.datasets.pairs import draw_batch
from geoloc_training.evaluation import suite
from geoloc_training.evaluation.cross_date import Describe, evaluate, in_chunks, parse_pair
from geoloc_training.export import CardFacts, export_model
from geoloc_training.loop import architecture_of, describe_with, fit
from geoloc_training.runlog import trained_minutes

app = typer.Typer(
    help="Train an encoder on two dates of the same ground, measure it, hand it to the nodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_COMMAND_NAME = "command.txt"

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Folder with naip_ca_multiyear/, massachusetts_ortho/, estonia_ortho/."),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", help="Override a setting: optimiser.steps=500. Repeatable.")
]
Run = Annotated[Path, typer.Argument(help="Folder of a run, made by `geoloc-train fit`.")]


@app.command("fit")
def fit_command(
    config: Annotated[Path, typer.Option("--config", help="Recipe, e.g. config/training/contrastive.yaml.")],
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; rerunning resumes it.")] = Path(
        "runs/contrastive"
    ),
    data: Data = None,
    settings: Sets = None,
    initial: Annotated[
        Path | None, typer.Option("--init", help="Begin with the averaged weights of this other run.")
    ] = None,
) -> None:
    """Train; rerun the same command to go on after an interruption.

    Without --data it trains on procedural worlds alone, so that anyone can:

      geoloc-train fit --config config/training/contrastive.yaml --set optimiser.steps=300

      geoloc-train fit --config config/training/contrastive.yaml --data DIR --out runs/first
    """
    recipe = load_config(config, settings or ())
    places = load_places(recipe, data)
    out.mkdir(parents=True, exist_ok=True)
    (out / _COMMAND_NAME).write_text(_command(config, data, settings or (), initial), encoding="utf-8")
    fit(recipe, load_sources(recipe, data, out.parent / "cache"), out, places, initial)
    typer.echo(f"trained: {out}\nnext: geoloc-train export {out} --out models/NAME")


@app.command("evaluate")
def evaluate_command(
    source: Annotated[Path, typer.Argument(help="Folder of a run, or a model directory.")],
    data: Annotated[Path, typer.Option("--data", help="Folder with naip_ca_multiyear/.")],
    pairs: Annotated[
        list[str] | None, typer.Option("--pair", help="city:map_date:query_date. Repeatable.")
    ] = None,
    floor: Annotated[
        bool, typer.Option(help="Measure gradient histograms (HOG) by the same protocols too.")
    ] = False,
    label: Annotated[
        str, typer.Option(help="Words to put before each protocol, such as what was left out.")
    ] = "",
    json_out: Annotated[Path | None, typer.Option("--json", help="Keep the figures in this file.")] = None,
) -> None:
    """Recall across dates: yaw known, ±10°, unknown; alone and with every other picture as a distractor.

    geoloc-train evaluate models/geoloc-small-1 --data DIR --pair chico:2018:2020 --floor
    """
    describe, size_px = _describer(source)
    grounds = load_every_place(data)
    protocols = suite.protocols_for(pairs or ["chico:2018:2020"])
    measured = suite.metrics(suite.measure(describe, grounds, protocols, size_px), label)
    if floor:
        measured += suite.metrics(suite.measure_floor(grounds, protocols, size_px))
    typer.echo(suite.table(measured))
    if json_out is not None:
        suite.write_json(json_out, measured)


@app.command("export")
def export_command(
    run: Run,
    out: Annotated[
        Path, typer.Option("--out", help="Model directory to write; its name becomes the model's id.")
    ],
    data: Data = None,
    also: Annotated[
        list[Path] | None, typer.Option("--also", help="Figures of `evaluate --json` for the card.")
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option("--note", help="name=text for the card. Repeatable.")
    ] = None,
) -> None:
    """Write a model directory for the nodes, after checking that all backends agree.

    geoloc-train export runs/contrastive --out models/my-model --data DIR
    """
    recipe = load_config(run / "config.yaml")
    step, weights = load_average(run)
    encoder = ViewEncoder(architecture_of(recipe))
    encoder.load_state_dict(weights)
    describe, size_px = describe_with(encoder), recipe.model.input_px
    grounds = load_every_place(data) if data is not None and recipe.data.validation else []
    measured = (
        suite.measure(describe, grounds, suite.protocols_for(recipe.data.validation), size_px)
        if grounds
        else []
    )
    facts = CardFacts(
        id=out.name,
        method=recipe.method.name,
        seed=recipe.seed,
        gsd_range_m=_gsd_range(recipe),
        training=_training_facts(run, recipe, step, data is not None),
        metrics=[*suite.metrics(measured), *(m for path in also or () for m in suite.read_json(path))],
        calibration=_calibration(recipe, describe, grounds),
        notes=dict(_pair(text) for text in note or ()),
    )
    views = _real_views(recipe, data, run.parent / "cache")
    cosines = export_model(weights, architecture_of(recipe), facts, out, views)
    agreement = ", ".join(f"{name} {value:.6f}" for name, value in cosines.items())
    typer.echo(f"{suite.table(facts.metrics)}\nlowest cosine with torch: {agreement}\nexported: {out}")


def main() -> None:
    """Run a command; a mistake of the user's ends in one sentence, not in a traceback."""
    try:
        app()
    except GeolocError as error:
        print(f"geoloc-train: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _describer(source: Path) -> tuple[Describe, int]:
    """The encoder of a run (averaged weights, torch) or of a model directory (default backend)."""
    if (source / "config.yaml").is_file():
        encoder = ViewEncoder(architecture_of(load_config(source / "config.yaml")))
        encoder.load_state_dict(load_average(source)[1])
        return describe_with(encoder), encoder.architecture.input_px
    exported = load_encoder(source)
    return in_chunks(exported.describe), exported.card.input_px


def _calibration(recipe: TrainConfig, describe: Describe, grounds: list[Ground]) -> Calibration:
    """Thresholds from the first validation city among all distractors; none without one."""
    if not grounds:
        return Calibration(-1.0, 0.0, "not calibrated: exported without validation data")
    base = parse_pair(recipe.data.validation[0])
    # A map of half-overlapping tiles has a centre within a quarter of a view, so that offset is what flies.
    hardest = replace(base, distractors=True, offset_m=base.view_size_m / 4)
    return suite.calibrate(evaluate(describe, grounds, hardest, recipe.model.input_px))


def _command(config: Path, data: Path | None, settings: Sequence[str], initial: Path | None) -> str:
    """The command that made a run, with a placeholder for where the data lies."""
    words = ["geoloc-train", "fit", "--config", str(config), *(("--data", "DIR") if data else ())]
    words += ["--init", f"runs/{initial.name}"] if initial else []
    return shlex.join([*words, *(word for setting in settings for word in ("--set", setting))])


def _training_facts(run: Path, recipe: TrainConfig, step: int, real: bool) -> dict[str, object]:
    command = run / _COMMAND_NAME
    return {
        "command": command.read_text(encoding="utf-8").strip() if command.is_file() else "",
        "steps": step,
        "minutes": round(trained_minutes(run)),
        "pairs_per_step": recipe.optimiser.pairs,
        "data": [source.kind for source in recipe.data.sources if real or source.kind == "world"],
        "validation": list(recipe.data.validation) if real else [],
        "config": plain(recipe),
    }


def _gsd_range(recipe: TrainConfig) -> tuple[float, float]:
    sizes = [edge for source in recipe.data.sources for edge in source.view_size_m]
    return round(min(sizes) / recipe.model.input_px, 3), round(max(sizes) / recipe.model.input_px, 3)


def _real_views(recipe: TrainConfig, data: Path | None, cache: Path) -> np.ndarray:
    """Some views of the training imagery for the parity check."""
    sources = load_sources(recipe, data, cache)
    maps, drones = draw_batch(
        sources, 32, recipe.model.input_px, recipe.augment, 1.0, np.random.default_rng(recipe.seed)
    )
    return np.concatenate([maps, drones])


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ParameterError(f"note '{text}' has no '='; write name=text.")
    return name, value
