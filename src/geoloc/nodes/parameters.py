# SPDX-License-Identifier: Apache-2.0
"""A node's parameters are one frozen dataclass: default, description, unit and range in one place.

    @dataclass(frozen=True)
    class Settings:
        height_m: float = parameter(100.0, "height above ground", unit="m", low=1.0, high=5000.0)

    settings = declare(node, Settings)

`ros2 param describe` then shows what the dataclass says. Values are read once, at start-up, so every
parameter is read-only unless its table says otherwise.
"""

import array
import dataclasses
import difflib
import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from geoloc.errors import ParameterError

Table = TypeVar("Table")
_KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Specification:
    """What `ros2 param describe` shows and `declare` enforces."""

    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    read_only: bool
    required: bool

    def allowed(self) -> str:
        """Return the range in words, empty where anything goes."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.required:
            return "not empty"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.low:g} to {self.high:g}{unit}" if self.low is not None else ""

    def admits(self, value: Any) -> bool:  # noqa: ANN401 - a parameter is what ROS lets it be
        """Tell whether the value (each value, of a list) lies in the range."""
        if self.choices or self.required:
            return value in self.choices or (self.required and value != "")
        if self.low is None or self.high is None:
            return True
        values = value if isinstance(value, tuple) else (value,)
        return all(self.low <= item <= self.high for item in values)


def parameter(
    default: Any,  # noqa: ANN401
    description: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    read_only: bool = True,
    required: bool = False,
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Describe one field of a parameter table.

    `low` and `high` come together, both inclusive; a `required` text may not be empty.
    """
    specification = Specification(description, unit, low, high, choices, read_only, required)
    return dataclasses.field(default=default, metadata={"parameter": specification})


def declare(node: Node, table: type[Table]) -> Table:
    """Declare every parameter of the table on the node and return the table filled in.

    Raises:
        ParameterError: for a value of another type or outside its range; names the file to edit.
    """
    values = {field.name: _declare_one(node, field) for field in dataclasses.fields(table)}  # type: ignore[arg-type]
    for name, like in _misspelt(node):
        node.get_logger().warning(f"parameter {name} is unknown and ignored; did you mean {like}?")
    return table(**values)


def _misspelt(node: Node) -> Iterator[tuple[str, str]]:
    """Yield what was given to the node and is no parameter of any of ours, but much like one.

    ROS ignores what a node does not know, for a file may be another node's; what resembles ours is a slip.
    """
    from geoloc.nodes import settings  # which itself needs this module

    tables = [kind for kind in vars(settings).values() if dataclasses.is_dataclass(kind)]
    ours = {field.name for kind in tables for field in dataclasses.fields(kind)}
    for name in getattr(node, "_parameter_overrides", {}):
        like = difflib.get_close_matches(name, ours, 1)
        if like and name not in ours and not node.has_parameter(name):
            yield name, like[0]


def _declare_one(node: Node, field: "dataclasses.Field[Any]") -> Any:  # noqa: ANN401
    specification: Specification = field.metadata["parameter"]
    # Declared loosely first: ROS would refuse 100 where 100.0 is meant, and name no file.
    loose = ParameterDescriptor(dynamic_typing=True)
    given = node.declare_parameter(field.name, field.default, loose).value
    value = _converted(given, field.default)
    if given is False and "off" in specification.choices:
        value = "off"  # which is what YAML reads as false, where it is not in quotes
    if value is None or not specification.admits(value):
        raise ParameterError(_sentence(node, field.name, given, field.default, specification))
    node.set_parameters([Parameter(field.name, value=list(value) if isinstance(value, tuple) else value)])
    node.set_descriptor(field.name, _descriptor(specification, field.default))
    return value


def _converted(given: Any, default: Any) -> Any:  # noqa: ANN401
    """Return the value in the default's type, None where that would change its meaning."""
    if isinstance(default, tuple):
        if not isinstance(given, Sequence | array.array) or len(given) != len(default):
            return None
        items = tuple(_converted(item, like) for item, like in zip(given, default, strict=True))
        return None if None in items else items
    if isinstance(default, float) and type(given) is int:
        return float(given)
    return given if type(given) is type(default) else None


def _descriptor(specification: Specification, default: Any) -> ParameterDescriptor:  # noqa: ANN401
    unit = f" [{specification.unit}]" if specification.unit else ""
    descriptor = ParameterDescriptor(
        description=specification.description + unit,
        additional_constraints=specification.allowed(),
        read_only=specification.read_only,
        dynamic_typing=False,
        type=Parameter.Type.from_parameter_value(
            list(default) if isinstance(default, tuple) else default
        ).value,
    )
    if specification.low is not None and isinstance(default, float):
        bounds = FloatingPointRange(from_value=specification.low, to_value=specification.high)
        descriptor.floating_point_range = [bounds]
    elif specification.low is not None and isinstance(default, int):
        bounds = IntegerRange(from_value=int(specification.low), to_value=int(specification.high or 0))
        descriptor.integer_range = [bounds]
    return descriptor


def _sentence(node: Node, name: str, given: Any, default: Any, specification: Specification) -> str:  # noqa: ANN401
    kind = f"a list of {len(default)} numbers" if isinstance(default, tuple) else _KINDS[type(default)]
    wanted = ", ".join(filter(None, (kind, specification.allowed())))
    return (
        f"{node.get_name()}: parameter {name} is {given!r}; it must be {wanted} "
        f"({specification.description}): edit {name} in {file_that_sets(name, sys.argv)}"
    )


def file_that_sets(name: str, arguments: Sequence[str]) -> str:
    """Return the last `--params-file` of the command line that mentions the parameter."""
    files = [Path(value) for flag, value in itertools.pairwise(arguments) if flag == "--params-file"]
    for path in reversed(files):
        if path.is_file() and _mentions(yaml.safe_load(path.read_text(encoding="utf-8")), name):
            return str(path)
    return "the parameter file or the `-p` argument that sets it"


def _mentions(tree: Any, name: str) -> bool:  # noqa: ANN401
    return isinstance(tree, dict) and (
        name in tree or any(_mentions(branch, name) for branch in tree.values())
    )
