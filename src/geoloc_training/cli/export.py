# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train export`: writes a run's weights as a model directory for the nodes."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from geoloc.errors import ParameterError
from geoloc_training.card_facts import real_views, run_facts, validated
from geoloc_training.cli.runs import DataWords, Weights, encoder_of
from geoloc_training.compose import load_config, load_data
from geoloc_training.config import TrainConfig
from geoloc_training.evaluation import cross_date_suite
from geoloc_training.export import export_model
from geoloc_training.parity import not_compared
from geoloc_training.prepare import prepare
from geoloc_training.training.checkpoint import load_average
from geoloc_training.training.describe import Describer


def export_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run that `geoloc-train fit` wrote.")],
    out: Annotated[
        Path, typer.Option("--out", help="Model directory to write. Its name becomes the model's id.")
    ],
    words: DataWords = None,
    weights: Weights = None,
    also: Annotated[
        list[Path] | None,
        typer.Option("--also", help="JSON file of `evaluate --json`, added to the model card. Repeatable."),
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option("--note", help="Note for the model card, name=text. Repeatable.")
    ] = None,
    view_size_m: Annotated[
        tuple[float, float] | None,
        typer.Option(
            help="Smallest and largest side of a view on the ground in metres, where the data set does not "
            "state them."
        ),
    ] = None,
) -> None:
    """Export a run as a model directory for the nodes, after checking that all backends agree.

    geoloc-train export runs/small --out models/my-model data.root=DIR
    """
    recipe = _recipe_of(run, words)
    step, state = load_average(run, weights)
    encoder = encoder_of(run, recipe, state)
    prepared = prepare(recipe, run.parent / "cache", encoder.mean.device)
    held_out = validated(run, recipe, step, prepared.held_out)
    described = run_facts(
        run,
        recipe,
        step,
        Describer(encoder, recipe.model.input_px).views,
        name=out.name,
        also=[*held_out, *(metric for path in also or () for metric in cross_date_suite.read_json(path))],
        notes=dict(_pair(text) for text in note or ()),
        view_size_m=view_size_m,
    )
    views = real_views(prepared)
    parity = export_model(state, recipe.model, described, out, views)
    agreement = "; ".join(
        f"{name}: lowest cosine {found.lowest_cosine:.6f}, same best view {found.top1_agreement:.1%}"
        for name, found in parity.items()
    )
    missing = "".join(f"; {name}: not compared (not installed)" for name in not_compared(parity))
    typer.echo(
        f"{cross_date_suite.table(described.metrics)}\n"
        f"agreement with torch: {agreement}{missing}\nexported: {out}"
    )


def _recipe_of(run: Path, words: list[str] | None) -> TrainConfig:
    """Return a run's recipe with the data's present folder."""
    recipe = load_config(recipe=run / "config.yaml")
    return replace(recipe, data=load_data(words or (), recipe.data))


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise ParameterError(f"note '{text}' has no '='; write name=text.")
    return name, value
