# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train …`: fit, evaluate, export, adapt, datasets."""

import errno
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from geoloc.encoder import load_encoder
from geoloc.encoder.card import Metric, file_sha256
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import GeolocError, ModelError, ParameterError
from geoloc.installed import find_model
from geoloc_training import datasets_cli, facts
from geoloc_training.adapt_cli import adapt_command
from geoloc_training.compose import compose, data_config, load_config
from geoloc_training.config import TrainConfig
from geoloc_training.datasets.load import load_every_place
from geoloc_training.datasets.registry import load_benchmark
from geoloc_training.evaluation import suite
from geoloc_training.evaluation.benchmark import EvaluationOptions
from geoloc_training.evaluation.command import evaluate_images
from geoloc_training.evaluation.cross_date import Describe, in_chunks
from geoloc_training.export import export_model
from geoloc_training.parity import not_compared
from geoloc_training.settings import MAP, DataConfig
from geoloc_training.training.checkpoint import Which, load_average, weights_file
from geoloc_training.training.describe import Describer
from geoloc_training.training.hardware import launch
from geoloc_training.training.interrupts import Interrupted
from geoloc_training.training.loop import fit
from geoloc_training.training.origin import write_origin
from geoloc_training.training.prepare import prepare

app = typer.Typer(
    help="Train an encoder on views of the same places, measure it, hand it to the nodes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(datasets_cli.app, name="datasets")
app.command("adapt")(adapt_command)

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Settings: +preset=NAME, data=NAME, data.root=DIR, optimiser.steps=500, …"),
]
DataWords = Annotated[
    list[str] | None, typer.Argument(help="data=NAME and data.root=DIR; a run knows its own data.")
]
Weights = Annotated[
    Which | None,
    typer.Option("--weights", help="best on validation, or last; the best where there was a validation."),
]


@app.command("fit")
def fit_command(
    words: Words = None,
    out: Annotated[Path, typer.Option("--out", help="Folder of the run; rerunning resumes it.")] = Path(
        "runs/first"
    ),
    config: Annotated[
        Path | None,
        typer.Option("--config", help="A whole recipe of one's own, such as a run's config.yaml."),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            "--init",
            help="Begin with the weights of another run, a model directory, or a shipped model (id).",
        ),
    ] = None,
) -> None:
    """Train; rerun the same command to go on after an interruption.

    Presets: small (the shipped model's recipe), sample4geo, lpn, dphr (sample4geo + DPHR), dmnil (without
    pairs; dmnil_sues200, dmnil_denseuav). Without data.root, `small` learns from procedural worlds alone, so
    that anyone can:

      geoloc-train fit +preset=small optimiser.steps=300 --out runs/world

      geoloc-train fit +preset=sample4geo data=u1652 data.root=DIR --out runs/host

      geoloc-train fit +preset=lpn dphr.weight=1 data=u1652 data.root=DIR hardware.devices=4 --out runs/lpn

      geoloc-train fit --config runs/host/config.yaml seed=2 --out runs/host-2
    """
    recipe = load_config(config, words or ()) if config is not None else compose(words or ())
    fabric = launch(recipe.hardware)
    with fabric.rank_zero_first(local=True):
        prepared = prepare(recipe, out.parent / "cache", fabric.device)
    if fabric.is_global_zero:
        out.mkdir(parents=True, exist_ok=True)
        write_origin(out, _said(words, config, initial))
    fit(recipe, prepared.source, out, prepared.validate, initial=initial, fabric=fabric)
    if fabric.is_global_zero:
        typer.echo(f"trained: {out}\nnext: geoloc-train export {out} --out models/NAME")


@app.command("evaluate")
def evaluate_command(
    source: Annotated[Path, typer.Argument(help="Folder of a run, a model directory, or a shipped model.")],
    words: DataWords = None,
    protocol: Annotated[
        str, typer.Option(help="Published sets: full (distractors kept), sample4geo (left out) or both.")
    ] = "full",
    out: Annotated[
        Path | None, typer.Option("--out", help="Published sets: folder for JSON, CSV and the worst queries.")
    ] = None,
    weights: Weights = None,
    flip: Annotated[
        bool, typer.Option(help="Published sets: add the mirrored picture's descriptor.")
    ] = False,
    multi_query: Annotated[
        bool, typer.Option(help="Published sets: one query a place, the mean of its pictures.")
    ] = False,
    float32_compat: Annotated[
        bool,
        typer.Option(help="DenseUAV: round coordinates to float32 in SDM, as the published script does."),
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Published sets: folder for descriptors as University-1652's evaluate_gpu.py reads."
        ),
    ] = None,
    cache: Annotated[bool, typer.Option(help="Published sets: keep descriptors for the next time.")] = True,
    pairs: Annotated[
        list[str] | None, typer.Option("--pair", help="map: city:map_date:query_date. Repeatable.")
    ] = None,
    floor: Annotated[
        bool, typer.Option(help="map: measure gradient histograms (HOG) by the same protocols too.")
    ] = False,
    label: Annotated[
        str, typer.Option(help="map: words before each protocol, such as what was left out.")
    ] = "",
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Keep the recalls here, for `export --also`.")
    ] = None,
) -> None:
    """Measure recall: on the tests of a published set, or across dates of the same ground (map).

    geoloc-train evaluate runs/host data.root=DIR --protocol both --out runs/host/tests

    geoloc-train evaluate models/geoloc-small-2 data=map data.root=DIR --pair chico:2018:2020 --floor
    """
    trained = load_config(source / "config.yaml").data if (source / "config.yaml").is_file() else None
    data = data_config(words or (), trained)
    describe, size_px, key, seed = _describer(source, weights)
    root = data.folder()
    if data.name != MAP:
        options = EvaluationOptions(flip=flip, multi_query=multi_query, float32_compat=float32_compat)
        kept = Path("runs/cache/descriptors") if cache else None
        benchmark = load_benchmark(data.name, root)
        results = evaluate_images(describe, size_px, key, benchmark, protocol, out, options, kept, features)
        measured = facts.metrics_of(results)
    else:
        measured = _measure_dates(describe, size_px, data, pairs or data.validation, floor, label)
        typer.echo(suite.table(measured))
    if json_out is not None:
        suite.write_json(json_out, facts.recorded(measured, data.name, seed))


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run, made by `geoloc-train fit`.")],
    out: Annotated[
        Path, typer.Option("--out", help="Model directory to write; its name becomes the model's id.")
    ],
    words: DataWords = None,
    weights: Weights = None,
    also: Annotated[
        list[Path] | None, typer.Option("--also", help="Figures of `evaluate --json` for the card.")
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option("--note", help="name=text for the card. Repeatable.")
    ] = None,
    view_size_m: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Smallest and largest view on the ground, for sets that do not say."),
    ] = None,
) -> None:
    """Write a model directory for the nodes, after checking that all backends agree.

    geoloc-train export runs/small --out models/my-model data.root=DIR
    """
    recipe = _recipe_of(run, words)
    step, state = load_average(run, weights)
    encoder = _encoder(run, recipe, state)
    prepared = prepare(recipe, run.parent / "cache", encoder.mean.device)
    held_out = facts.validated(run, recipe, step, prepared.held_out)
    described = facts.card_facts(
        run,
        recipe,
        step,
        Describer(encoder, recipe.model.input_px).views,
        name=out.name,
        also=[*held_out, *(metric for path in also or () for metric in suite.read_json(path))],
        notes=dict(_pair(text) for text in note or ()),
        view_size_m=view_size_m,
    )
    views = facts.real_views(prepared)
    parity = export_model(state, recipe.model.architecture(), described, out, views)
    agreement = "; ".join(
        f"{name}: lowest cosine {found.lowest_cosine:.6f}, same best {found.top1_agreement:.1%}"
        for name, found in parity.items()
    )
    missing = "".join(f"; {name}: not installed here, so not compared" for name in not_compared(parity))
    typer.echo(
        f"{suite.table(described.metrics)}\nagreement with torch: {agreement}{missing}\nexported: {out}"
    )


def main() -> None:
    """Run a command; a mistake of the user's ends in one sentence, not in a traceback."""
    try:
        app()
    except Interrupted as stopped:
        print(f"geoloc-train: {stopped}", file=sys.stderr)
        raise SystemExit(128 + stopped.number) from stopped
    except GeolocError as error:
        print(f"geoloc-train: {error}", file=sys.stderr)
        raise SystemExit(2) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"geoloc-train: {error}: make room and rerun the same command to go on.", file=sys.stderr)
        raise SystemExit(2) from error


def _measure_dates(
    describe: Describe, size_px: int, data: DataConfig, pairs: Sequence[str], floor: bool, label: str
) -> list[Metric]:
    grounds = load_every_place(data.folder(), data.sources)
    protocols = suite.protocols_for(pairs or ["chico:2018:2020"])
    measured = suite.metrics(suite.measure(describe, grounds, protocols, size_px), label)
    if floor:
        measured += suite.metrics(suite.measure_floor(grounds, protocols, size_px))
    return measured


def _describer(source: Path, weights: Which | None) -> tuple[Describe, int, str, int]:
    """Encoder, side of its views, key and seed of its weights, of a run (torch) or a model directory."""
    if (source / "config.yaml").is_file():
        recipe = load_config(source / "config.yaml")
        encoder = _encoder(source, recipe, load_average(source, weights)[1])
        key = file_sha256(weights_file(source, weights))
        return Describer(encoder, recipe.model.input_px).views, recipe.model.input_px, key, recipe.seed
    exported = load_encoder(find_model(str(source)))
    return in_chunks(exported.describe), exported.card.input_px, exported.card.sha256, exported.card.seed


def _encoder(run: Path, recipe: TrainConfig, state: dict[str, Tensor]) -> ViewEncoder:
    encoder = ViewEncoder(recipe.model.architecture())
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"the weights in {run} are of another architecture than its config.yaml "
            f"({recipe.model.backbone}, head {recipe.model.head}); restore that file, or train anew."
        ) from error
    return encoder


def _recipe_of(run: Path, words: list[str] | None) -> TrainConfig:
    """A run's recipe with its data where it lies now."""
    recipe = load_config(run / "config.yaml")
    return replace(recipe, data=data_config(words or (), recipe.data))


def _said(words: list[str] | None, config: Path | None, initial: Path | None) -> list[str]:
    said = ["--config", str(config)] if config is not None else []
    said += ["--init", str(initial)] if initial is not None else []
    return [*said, *(words or ())]


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ParameterError(f"note '{text}' has no '='; write name=text.")
    return name, value
