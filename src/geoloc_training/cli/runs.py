# SPDX-License-Identifier: Apache-2.0
"""Shared parts of the commands on a finished run: their arguments, and loading the run's encoder."""

from pathlib import Path
from typing import Annotated

import typer
from torch import Tensor

from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ModelError
from geoloc_training.config import TrainConfig
from geoloc_training.training.checkpoint import Which

DataWords = Annotated[
    list[str] | None,
    typer.Argument(help="Data set: data=NAME and data.root=DIR. Default: the data set of the run."),
]
Weights = Annotated[
    Which | None,
    typer.Option(
        "--weights",
        help="Weights of a run: best (on validation) or last. Default: best, or last without a validation.",
    ),
]


def is_run(source: Path) -> bool:
    """Return True if a folder holds a run rather than a model."""
    return (source / "config.yaml").is_file()


def encoder_of(run: Path, recipe: TrainConfig, state: dict[str, Tensor]) -> ViewEncoder:
    """Return a run's encoder with given weights.

    Args:
        run: folder of the run.
        recipe: configuration of the run.
        state: weights of the encoder.

    Raises:
        ModelError: the weights do not fit the recipe's architecture.
    """
    encoder = ViewEncoder(recipe.model)
    try:
        encoder.load_state_dict(state)
    except RuntimeError as error:
        raise ModelError(
            f"the weights in {run} are of another architecture than its config.yaml "
            f"({recipe.model.backbone}, head {recipe.model.head}); restore that file or train again."
        ) from error
    return encoder
