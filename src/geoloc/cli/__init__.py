# SPDX-License-Identifier: Apache-2.0
"""`geoloc …`: every stage of the suite as a command."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from geoloc.cli.commands import COMMANDS
from geoloc.errors import GeolocError


class _Composed(TyperGroup):
    """The commands of `COMMANDS`; the one that runs takes the place of its entry."""

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 - a Context of click, or of the copy of click that newer typers bring
        args: list[str],
    ) -> tuple[Any, Any, list[str]]:
        name, entry, rest = super().resolve_command(ctx, args)
        loaded = next((command.load() for command in COMMANDS if command.name == name), entry)
        return name, loaded, rest


app = typer.Typer(
    cls=_Composed,
    help="Position from a camera and a satellite map. Start with `geoloc map build`, then `geoloc up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _entry() -> None:
    """Stand for a command in `geoloc --help`; it never runs."""


for _command in COMMANDS:
    app.command(_command.name, help=_command.summary, rich_help_panel=_command.section)(_entry)


def main() -> None:
    """Run a command; a mistake of the user's ends in one sentence, not in a traceback."""
    try:
        app()
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr)
        raise SystemExit(2) from error
