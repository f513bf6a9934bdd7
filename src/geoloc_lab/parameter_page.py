# SPDX-License-Identifier: Apache-2.0
"""Writes docs/parameters.md from the declarations of the nodes' settings (`make parameters`)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geoloc.nodes import settings as flying_nodes
from geoloc.settings import Setting, settings_of
from geoloc_lab.nodes import settings as lab_nodes

_HEAD = """# How do I set a parameter?

Write the lines that you change into a file, and give it to the launch file:

```yaml
/**:                                  # parameters that several nodes share
  ros__parameters:
    heading_error_deg: 180.0
/**/camera_node:                      # parameters of one node
  ros__parameters:
    mount_rpy_deg: [0.0, 60.0, 0.0]
```

```sh
ros2 launch geoloc bringup.launch.py map:=my_map params_file:=drone.yaml
```

`geoloc up`, `geoloc evaluate` and `geoloc doctor` take the file as `--params-file drone.yaml`.

- Files are read in this order, and later ones win: `config/bringup.yaml` (empty: the defaults suit most
  drones), `params.yaml` of the model, `params.yaml` of the map, your file.
- `camera_node:` and `/**/camera_node:` both reach the node in any namespace, as in a parameter file of Nav2.
  `/geoloc/camera_node:` reaches it in the namespace `geoloc` alone. A section that names a node elsewhere, or
  misspells it, is refused before anything starts. Sections of other programs are left alone.
  `geoloc evaluate` and `geoloc doctor` take the namespace as `--namespace`.
- A node's own section wins over `/**`, even over the `/**` of a later file.
- A node refuses to start if its section holds a parameter of another node, or if `camera_node` and
  `retrieval_node` get different errors of heading or height. Set those under `/**:`.
- Write `180.0`, not `180`: ROS distinguishes the two types, and if two files set one parameter, once as `180`
  and once as `200.0`, the whole number wins, whichever file comes last.
- A value out of range stops the node at start-up with a sentence. A name that resembles one of ours is logged
  as a probable typo.
- A *fixed* parameter is read once, at start-up: `ros2 param set` cannot change it.
- A parameter whose default is not allowed must be set; the last column says which file does it for you.

`make parameters` writes this page from the declarations in the code. `ros2 param describe
/geoloc/camera_node NAME` shows the same for a running node.
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
