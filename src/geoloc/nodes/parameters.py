# SPDX-License-Identifier: Apache-2.0
"""Declare the settings of a dataclass as parameters of a node; see `geoloc.settings`.

    settings = declare(node, CameraNodeSettings)

`ros2 param describe` then shows the text, unit and range of each setting. Values are read once, at start-up,
so every parameter is read-only unless its setting may change in flight.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.parameter import Parameter

from geoloc.errors import ParameterError, clause
from geoloc.nodes.parameter_owners import check_owners
from geoloc.nodes.settings import LAB_PARAMETERS, NODES
from geoloc.nodes.startup.arguments import parameter_files
from geoloc.parameter_files import check_sections, resembling
from geoloc.settings import Setting, fill, settings_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")


def declare(node: Node, kind: type[Kind]) -> Kind:
    """Declare every setting of a dataclass as a parameter of a node; return the dataclass with its values.

    Warns of parameters and of sections of the parameter files that are probably meant for the node and do not
    reach it. Those of the other nodes of geoloc do not count, because one file may serve several nodes.

    Args:
        node: node that gets the parameters.
        kind: dataclass of its settings.

    Raises:
        ParameterError: if a value has another type or is outside its range, or is set for another node than
            its own; the error names the file to edit.
    """
    values = {name: _declare_one(node, name, setting) for name, setting in settings_of(kind).items()}
    for sentence in (*_probable_typos(node), *_lost_sections(node)):
        node.get_logger().warning(sentence)
    settings = fill(kind, values)
    check_owners(parameter_files(sys.argv), node.get_fully_qualified_name())
    return settings


def declare_under(node: Node, kind: type[Kind], prefix: str) -> Kind:
    """Declare the settings of a dataclass as parameters whose names begin with a prefix, such as `qos.`.

    Raises:
        ParameterError: see `declare`.
    """
    settings = settings_of(kind).items()
    return fill(kind, {name: _declare_one(node, prefix + name, setting) for name, setting in settings})


def _probable_typos(node: Node) -> Iterator[str]:
    """Yield a sentence for each unknown parameter that resembles a known one; ROS ignores such parameters."""
    known = LAB_PARAMETERS.union(*map(settings_of, NODES.values()))
    given: Mapping[str, Any] = getattr(node, "_parameter_overrides", {})
    for name in given:
        like = resembling(name, known)
        if like and not node.has_parameter(name):
            yield f"parameter {name} is unknown and ignored; rename it to {like}."


def _lost_sections(node: Node) -> Iterator[str]:
    """Yield a sentence for each parameter file with a section that does not reach the node.

    A launch of ours refuses such a file before it starts a node.
    """
    for file in parameter_files(sys.argv):
        try:
            check_sections(file, node.get_fully_qualified_name())
        except ParameterError as error:
            yield str(error)


def _declare_one(node: Node, name: str, setting: Setting) -> Any:  # noqa: ANN401
    # Declare with a dynamic type first: ROS would refuse 100 for 100.0, and would not name the file.
    loose = ParameterDescriptor(dynamic_typing=True)
    given = node.declare_parameter(name, setting.default, loose).value
    try:
        value = setting.read(name, given)
    except ParameterError as error:
        raise ParameterError(
            f"{node.get_name()}: parameter {clause(error)} ({setting.text}); "
            f"edit {name} in {file_that_sets(name, sys.argv)}."
        ) from error
    node.set_parameters([Parameter(name, value=_plain(value))])
    node.set_descriptor(name, _descriptor(setting))
    return value


def _descriptor(setting: Setting) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=setting.text_with_unit,
        additional_constraints=setting.constraints(),
        read_only=not setting.in_flight,
        dynamic_typing=False,
        type=Parameter.Type.from_parameter_value(_plain(setting.default)).value,
    )
    if setting.low is not None and isinstance(setting.default, float):
        bounds = FloatingPointRange(from_value=setting.low, to_value=setting.high)
        descriptor.floating_point_range = [bounds]
    elif setting.low is not None and isinstance(setting.default, int):
        bounds = IntegerRange(from_value=int(setting.low), to_value=int(setting.high or 0))
        descriptor.integer_range = [bounds]
    return descriptor


def _plain(value: Any) -> Any:  # noqa: ANN401
    return list(value) if isinstance(value, tuple) else value


def file_that_sets(name: str, arguments: Sequence[str]) -> str:
    """Return the last `--params-file` of the command line that mentions the parameter."""
    for path in reversed(parameter_files(arguments)):
        if path.is_file() and _mentions(yaml.safe_load(path.read_text(encoding="utf-8")), name):
            return str(path)
    return "the parameter file or the `-p` argument that sets it"


def _mentions(tree: Any, name: str) -> bool:  # noqa: ANN401
    return isinstance(tree, dict) and (
        name in tree or any(_mentions(branch, name) for branch in tree.values())
    )
