# SPDX-License-Identifier: Apache-2.0
"""Command line of `geoloc-train`, one module for each command."""

import importlib.util
import sys

_NEEDED = (
    "torch",
    "torchvision",
    "timm",
    "kornia",
    "lightning_fabric",
    "omegaconf",
    "tensorboard",
    "matplotlib",
    "rosbags",
    "PIL",
    "safetensors",
    "onnx",
)


def main() -> None:
    """Run `geoloc-train`, or name the packages that are missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"geoloc-train: {', '.join(missing)} not installed; run `make setup-train` in the checkout, "
            "or `pip install 'geoloc[train]'`.",
            file=sys.stderr,
        )
        raise SystemExit(2)
    from geoloc_training.cli.app import run

    run()
