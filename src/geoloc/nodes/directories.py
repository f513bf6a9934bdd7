# SPDX-License-Identifier: Apache-2.0
"""The two directories that nodes are started with, declared once for all of them."""

from typing import Any

from geoloc.settings import setting


def model_directory() -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare the parameter `model`."""
    return setting(
        "", "model directory; in the model's params.yaml or the launch argument model:=", required=True
    )


def map_directory() -> Any:  # noqa: ANN401
    """Declare the parameter `map`."""
    return setting("", "map directory; in the map's params.yaml or the launch argument map:=", required=True)
