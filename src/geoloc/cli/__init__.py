# SPDX-License-Identifier: Apache-2.0
"""The command line `geoloc`, with a command for every stage."""

import re
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from geoloc.cli.commands import COMMANDS
from geoloc.errors import GeolocError

OLDEST_TYPER = "0.12.4"
"""The first version that accepts `Path | None` as the type of an option; apt often has an older one."""


class _Composed(TyperGroup):
    """Group of the commands in `COMMANDS`; only the command that runs is loaded."""

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 - a Context of click, or of the copy of click in newer typer
        args: list[str],
    ) -> tuple[Any, Any, list[str]]:
        name, entry, rest = super().resolve_command(ctx, args)
        loaded = next((command.load() for command in COMMANDS if command.name == name), entry)
        return name, loaded, rest


app = typer.Typer(
    cls=_Composed,
    help="Localize a drone by camera and satellite map. Start with `geoloc map build`, then `geoloc up`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _entry() -> None:
    """Represent a command in `geoloc --help`; this function never runs."""


for _command in COMMANDS:
    app.command(_command.name, help=_command.summary, rich_help_panel=_command.section)(_entry)


def main() -> None:
    """Run a command; an error that the user can correct is printed as one sentence, without a traceback."""
    try:
        _check_typer()
        app()
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _check_typer() -> None:
    """Raise an error if typer is too old for the options of the commands."""
    if _numbers(typer.__version__) < _numbers(OLDEST_TYPER):
        raise GeolocError(
            f"typer {typer.__version__} is too old for the command line; run "
            f"`pip install 'typer>={OLDEST_TYPER}'` in a virtual environment (docs/installation.md)."
        )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]
