# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, options that take text and range of a setting, and paths with ~."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloc.paths import expanded_home
from geoloc.settings import settings_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_EXPANDS = "__expands_home__"

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="Model directory, or id of a shipped model. Default: the shipped model.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    str, typer.Argument(help="Model directory, or id of a shipped model.", show_default=False)
]


def expand_home(app: typer.Typer) -> None:
    """Let every path that the commands of an app take begin with ~.

    A shell expands ~ only at the start of a word, so not in --map=~/my_map.
    """
    for command in app.registered_commands:
        if command.callback is not None and not hasattr(command.callback, _EXPANDS):
            command.callback = _expanding(command.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            expand_home(group.typer_instance)


def _expanding(command: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(command)
    def expanded(**given: Any) -> Any:  # noqa: ANN401 - the arguments of any command
        return command(**{name: _expanded(value) for name, value in given.items()})

    setattr(expanded, _EXPANDS, True)
    return expanded


def _expanded(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Path):
        return Path(expanded_home(str(value)))
    return [_expanded(item) for item in value] if isinstance(value, list) else value


def option(kind: "type[DataclassInstance]", name: str, *flags: str, **changes: Any) -> Any:  # noqa: ANN401
    """Return the `typer.Option` of a setting, for `Annotated`.

    Args:
        kind: dataclass that declares the setting.
        name: name of the setting.
        flags: flags such as "--keep-names"; by default typer derives one from the name of the parameter.
        changes: arguments of `typer.Option` that replace those of the declaration.
    """
    declared = settings_of(kind)[name]
    unit = f", in {declared.unit}" if declared.unit else ""
    choices = f" ({declared.allowed()})" if declared.choices else ""
    text = f"{declared.text[0].upper()}{declared.text[1:]}{unit}{choices}."
    mirrored = {"help": text, "min": declared.low, "max": declared.high}
    return typer.Option(*flags, **{**mirrored, **changes})
