# SPDX-License-Identifier: Apache-2.0
"""The programs of the flight nodes; Ctrl-C ends them quietly while they import, too."""

import importlib
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

_USER_MISTAKE = 2  # as in programs.py, which takes longer to import


def camera_node() -> None:
    """Run `camera_node`."""
    run_module("geoloc.nodes.camera_node")


def inference_node() -> None:
    """Run `inference_node`."""
    run_module("geoloc.nodes.inference_node")


def retrieval_node() -> None:
    """Run `retrieval_node`."""
    run_module("geoloc.nodes.retrieval_node")


def run_module(module: str, extra: str = "") -> None:
    """Import the module of a node and call its `main`, which takes over the signals.

    Exits with code 2, and one sentence, if a package that the module imports is not installed.

    Args:
        module: name of the module.
        extra: extra of the distribution that installs what the module needs; empty if the base does.
    """
    _handle(lambda *_: os._exit(0))  # what is importing could catch an exception
    try:
        main = importlib.import_module(module).main
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing.startswith("geoloc"):
            raise
        wanted = f"geoloc[{extra}]" if extra else "geoloc"
        print(
            f"geoloc: {module.rpartition('.')[2]} needs {missing}, which is not installed; "
            f"run `rosdep install`, or `pip install '{wanted}'`.",
            file=sys.stderr,
        )
        raise SystemExit(_USER_MISTAKE) from None
    try:
        main()
    finally:
        _handle(signal.SIG_IGN)  # a second Ctrl-C must not kill Python while it ends


def _handle(handler: "Callable[[int, FrameType | None], None] | signal.Handlers") -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)
