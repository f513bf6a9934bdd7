# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train fit`: trains an encoder, or continues an interrupted run."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc_training.compose import load_config
from geoloc_training.prepare import prepare
from geoloc_training.training.hardware import launch
from geoloc_training.training.loop import fit
from geoloc_training.training.origin import write_origin

Words = Annotated[
    list[str] | None,
    typer.Argument(help="Settings, such as +preset=NAME, data=NAME, data.root=DIR, optimiser.steps=500."),
]


def fit_command(
    words: Words = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder of the run. Rerunning the command resumes it.")
    ] = Path("runs/first"),
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Complete recipe, such as a run's config.yaml, in place of the presets."
        ),
    ] = None,
    initial: Annotated[
        Path | None,
        typer.Option(
            "--init",
            help="Initial weights: another run, a model directory, or the id of a shipped model.",
        ),
    ] = None,
) -> None:
    """Train an encoder. Rerun the same command to continue after an interruption.

    Presets: small (the recipe of the shipped model), sample4geo, lpn, dphr (sample4geo with DPHR) and dmnil
    (unpaired images; also dmnil_sues200 and dmnil_denseuav). Without data.root, `small` learns from
    procedural worlds only and needs no data:

      geoloc-train fit +preset=small optimiser.steps=300 --out runs/world

      geoloc-train fit +preset=sample4geo data=u1652 data.root=DIR --out runs/host

      geoloc-train fit +preset=lpn dphr.weight=1 data=u1652 data.root=DIR hardware.devices=4 --out runs/lpn

      geoloc-train fit --config runs/host/config.yaml seed=2 --out runs/host-2
    """
    recipe = load_config(words or (), config)
    fabric = launch(recipe.hardware)
    with fabric.rank_zero_first(local=True):
        prepared = prepare(recipe, out.parent / "cache", fabric.device)
    if fabric.is_global_zero:
        out.mkdir(parents=True, exist_ok=True)
        write_origin(out, _arguments(words, config, initial))
    fit(recipe, prepared.source, out, prepared.validate, initial=initial, fabric=fabric)
    if fabric.is_global_zero:
        typer.echo(f"trained: {out}\nnext: geoloc-train export {out} --out models/NAME")


def _arguments(words: list[str] | None, config: Path | None, initial: Path | None) -> list[str]:
    """Return the command's arguments, for the model card."""
    options = ["--config", str(config)] if config is not None else []
    options += ["--init", str(initial)] if initial is not None else []
    return [*options, *(words or ())]
