# SPDX-License-Identifier: Apache-2.0
"""What commands about a finished run share: their arguments, and the run's encoder."""

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError
from geoloc_training.config import TrainConfig
from geoloc_training.training.checkpoint import Which

DataWords = Annotated[
    list[str] | None, typer.Argument(help="data=NAME and data.root=DIR; a run knows its own data.")
]
Weights = Annotated[
    Which | None,
    typer.Option("--weights", help="best on validation, or last; the best where there was a validation."),
]


def is_run(source: Path) -> bool:
    """Return True where a folder is that of a run, not a model directory."""
    return (source / "config.yaml").is_file()


def encoder_of(run: Path, recipe: TrainConfig, state: dict[str, Tensor]) -> ViewEncoder:
    """Return a run's encoder with some of its weights.

    Raises:
        ModelError: the weights are of another architecture than the recipe's.
    """
    encoder = ViewEncoder(recipe.model)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"the weights in {run} are of another architecture than its config.yaml "
            f"({recipe.model.backbone}, head {recipe.model.head}); restore that file, or train anew."
        ) from error
    return encoder
