# SPDX-License-Identifier: Apache-2.0
"""Find what is installed: the models and parameter files that ship with geoloc, and ROS 2."""

import importlib.util
import os
import sys
from pathlib import Path

from geoloc.errors import GeolocError, ModelError, ParameterError


def share_folders() -> list[Path]:
    """List the folders that may hold `models/` and `config/`: this checkout, then the installed prefixes."""
    checkout = Path(__file__).resolve().parents[2]
    prefixes = [
        Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if prefix
    ]
    return [checkout, *(prefix / "share" / "geoloc" for prefix in (*prefixes, Path(sys.prefix)))]


def shipped_models() -> dict[str, Path]:
    """Return the directory of every shipped model by its id."""
    found: dict[str, Path] = {}
    for share in share_folders():
        for card in sorted((share / "models").glob("*/model.yaml")):
            found.setdefault(card.parent.name, card.parent)
    return found


def find_model(model: str = "") -> Path:
    """Return a model's directory.

    Args:
        model: model directory, or id of a shipped model; empty for the default model.

    Raises:
        ModelError: if the model is neither a directory nor shipped, or there is no default model.
    """
    model = model or default_model()
    folder = Path(model).expanduser()
    if (folder / "model.yaml").is_file():
        return folder.absolute()
    shipped = shipped_models()
    if model in shipped:
        return shipped[model]
    known = ", ".join(shipped) or "none"
    raise ModelError(
        f"{model} is neither a model directory nor a shipped model ({known}); "
        "export one with `geoloc-train export`."
    )


def default_model() -> str:
    """Return the id of the default model, the shipped model whose name begins with `geoloc-`.

    Other models in `models/` were exported or adapted by the user and must be named.

    Raises:
        ModelError: unless there is exactly one such model.
    """
    found = list(shipped_models())
    shipped = [name for name in found if name.startswith("geoloc-")] or found
    if len(shipped) != 1:
        known = ", ".join(shipped) or "none"
        raise ModelError(f"{len(shipped)} models are shipped ({known}); name one with --model.")
    return shipped[0]


def default_parameters() -> Path:
    """Return the parameter file that bringup starts from; see `config_file`."""
    return config_file("bringup.yaml")


def config_file(name: str) -> Path:
    """Return the path of a file in `config/`.

    Raises:
        ParameterError: if the file is not installed.
    """
    for share in share_folders():
        file = share / "config" / name
        if file.is_file():
            return file
    raise ParameterError(f"config/{name} is not installed; install geoloc again, or start from a checkout.")


def require_ros() -> None:
    """Check that ROS 2's Python library is installed.

    Raises:
        GeolocError: if it is not installed.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise GeolocError("rclpy is not installed; source your ROS 2, or run `make setup` and use .venv.")
