# SPDX-License-Identifier: Apache-2.0
"""The commands of `geoloc-train`, and how their errors are reported."""

import errno
import sys

import typer

from geoloc.cli.options import expand_home
from geoloc.errors import GeolocError
from geoloc_training.cli import datasets
from geoloc_training.cli.adapt import adapt_command
from geoloc_training.cli.evaluate import evaluate_command
from geoloc_training.cli.export import export_command
from geoloc_training.cli.fit import fit_command
from geoloc_training.training.interrupts import Interrupted

app = typer.Typer(
    help="Train an encoder, evaluate it, export it for the nodes, and adapt it to a region.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("fit")(fit_command)
app.command("evaluate")(evaluate_command)
app.command("export")(export_command)
app.command("adapt")(adapt_command)
app.add_typer(datasets.app, name="datasets")
expand_home(app)


def run() -> None:
    """Run a command, and report an expected error as one sentence without a traceback."""
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
        print(f"geoloc-train: {error}; make room and rerun the same command to continue.", file=sys.stderr)
        raise SystemExit(2) from error
