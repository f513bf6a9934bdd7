# SPDX-License-Identifier: Apache-2.0
"""Writes docs/parameters.md from the declarations of the nodes' settings (`make parameters`)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoloc.nodes import settings as flying_nodes
from geoloc.settings import Setting, settings_of
from geoloc_lab.nodes import settings as lab_nodes

_HEAD = """# Parameters

`make parameters` writes this page from the declarations in the code; do not edit it. If the `ros2` command
is installed, `ros2 param describe /geoloc/camera_node NAME` shows the same for a running node.

Values come from parameter files, in the order that `config/bringup.yaml` explains. The `params.yaml` files of
the model and of the map set some of them. A node does not start with a value that is not allowed. If a
default is not allowed, the parameter must be set; the last column says if a file sets it for you.
A *fixed* parameter is read once, at start-up: `ros2 param set` cannot change it.
"""
_COLUMNS = ("parameter", "default", "allowed", "unit", "in flight", "meaning")


def page() -> str:
    """Return the page: a table of each node's parameters."""
    nodes = flying_nodes.NODES | lab_nodes.NODES
    tables = (f"## {node}\n\n{_table(settings_of(kind))}" for node, kind in nodes.items())
    return "\n".join([_HEAD, *tables])


def _table(settings: dict[str, Setting]) -> str:
    rows = [_COLUMNS, tuple("---" for _ in _COLUMNS), *_rows(settings)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(settings: dict[str, Setting]) -> Iterator[tuple[str, ...]]:
    for name, setting in settings.items():
        changes = "may change" if setting.in_flight else "fixed"
        yield (f"`{name}`", _shown(setting.default), setting.allowed(), setting.unit, changes, setting.text)


def _shown(default: Any) -> str:  # noqa: ANN401
    """Return a default as it is written in a parameter file."""
    if isinstance(default, str):
        return f"`{default}`" if default else '`""`'
    return f"`{str(list(default) if isinstance(default, tuple) else default).lower()}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
