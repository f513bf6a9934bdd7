# SPDX-License-Identifier: Apache-2.0
"""`geoloc train`: runs `geoloc-train`, the program of the training package."""

import importlib
import sys
from pathlib import Path

import typer

PROGRAM = "geoloc_training.cli:main"
"""Name of the function behind `geoloc-train`; a name, because geoloc does not import geoloc_training."""

_AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}


def register(app: typer.Typer) -> None:
    """Add `geoloc train`."""
    app.command("train", context_settings={**_AS_TYPED, "help_option_names": []})(train)


def train(context: typer.Context) -> None:
    """Train an encoder on views of the same places, evaluate it, and export it for the nodes."""
    module, _, function = PROGRAM.partition(":")
    # Training on several devices starts its other processes by sys.argv, which must name a program.
    sys.argv = [str(Path(sys.argv[0]).parent / "geoloc-train"), *context.args]
    getattr(importlib.import_module(module), function)()
