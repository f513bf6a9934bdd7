# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from typing import Annotated

import typer

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
