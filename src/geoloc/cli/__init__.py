# SPDX-License-Identifier: Apache-2.0
"""`geoloc …`: every stage of the suite as a command."""

import importlib
import sys

import typer

from geoloc.errors import GeolocError

_COMMANDS = {
    "geoloc": ("map", "up"),
    "geoloc_lab": ("demo", "simulate", "evaluate", "compare", "calibrate", "replay", "flight"),
}

app = typer.Typer(
    help="Position from a camera and a satellite map. Start with `geoloc map build`, then `geoloc up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _package, _names in _COMMANDS.items():
    for _name in _names:
        importlib.import_module(f"{_package}.cli.{_name}").register(app)


def main() -> None:
    """Run a command; a mistake of the user's ends in one sentence, not in a traceback."""
    try:
        app()
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr)
        raise SystemExit(2) from error
