# SPDX-License-Identifier: Apache-2.0
"""The `--ros-args` of a node, with parameter files whose plain sections reach it in any namespace."""

import itertools
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from geoloc.parameter_files import in_any_namespace

_FLAG = "--params-file"


def parameter_files(arguments: Sequence[str]) -> list[Path]:
    """Return the parameter files of a command line in order."""
    return [Path(value) for flag, value in itertools.pairwise(arguments) if flag == _FLAG]


@contextmanager
def for_ros(arguments: Sequence[str]) -> Iterator[list[str]]:
    """Yield a command line for `rclpy.init`, in which `in_any_namespace` of a file replaces the file.

    The copies last as long as the `with`, because ROS reads them once, in `rclpy.init`.

    Raises:
        ParameterError: if a parameter file is not YAML.
    """
    given = list(arguments)
    with tempfile.TemporaryDirectory(prefix="geoloc-") as folder:
        for position, (flag, value) in enumerate(itertools.pairwise(arguments), start=1):
            file = Path(value)
            if flag == _FLAG and file.is_file():
                copy = Path(folder) / str(position) / file.name  # ROS quotes the name if it refuses the file
                copy.parent.mkdir()
                copy.write_text(in_any_namespace(file), encoding="utf-8")
                given[position] = str(copy)
        yield given
