# SPDX-License-Identifier: Apache-2.0
"""Parameters for the model and map directories, declared once for all nodes."""

from typing import Any

from geoloc.settings import setting


def model_directory() -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare the parameter `model`."""
    return setting(
        "",
        "model directory, or id of a shipped model; the launch argument model:= sets it",
        required=True,
        path=True,
    )


def map_directory() -> Any:  # noqa: ANN401
    """Declare the parameter `map`."""
    return setting("", "map directory; the launch argument map:= sets it", required=True, path=True)
