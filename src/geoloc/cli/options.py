# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and options that mirror a setting: its text and its range."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloc.settings import settings_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Model = Annotated[
    str,
    typer.Option(
        "--model",
        help="Model directory, or the id of a shipped model. Default: the one that ships.",
        show_default=False,
    ),
]
ModelArgument = Annotated[
    str, typer.Argument(help="Model directory, or the id of a shipped model.", show_default=False)
]


def option(kind: "type[DataclassInstance]", name: str, *flags: str, **changes: Any) -> Any:  # noqa: ANN401
    """Return the `typer.Option` of a setting, for `Annotated`.

    Args:
        kind: the dataclass that declares the setting.
        name: of the setting.
        flags: such as "--keep-names", where they differ from the name of the argument.
        changes: arguments of `typer.Option` that differ from the declaration.
    """
    declared = settings_of(kind)[name]
    unit = f", in {declared.unit}" if declared.unit else ""
    choices = f" ({declared.allowed()})" if declared.choices else ""
    text = f"{declared.text[0].upper()}{declared.text[1:]}{unit}{choices}."
    mirrored = {"help": text, "min": declared.low, "max": declared.high}
    return typer.Option(*flags, **{**mirrored, **changes})
