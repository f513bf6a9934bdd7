# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and options that take text and range of a setting."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from geoloc.settings import settings_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

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
