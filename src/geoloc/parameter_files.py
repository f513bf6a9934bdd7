# SPDX-License-Identifier: Apache-2.0
"""Reads ROS parameter files without ROS, and merges their sections as rcl does.

ROS applies the sections that match a node in the order in which their names first appear in the files. The
last section wins, and within a section the last file wins. The first file of bringup has the section `/**`. A
section with the name of a node therefore wins over `/**`, even over `/**` in a later file.

A section of a plain name, such as `camera_node:`, means `/camera_node` to rcl. Parameter files of Nav2 are
written so, and reach their nodes in any namespace. Here, too, the plain name stands for `/**/camera_node`:
the nodes pass `in_any_namespace` of each file to rcl.
"""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from geoloc.errors import ParameterError, clause

Sections = dict[str, dict[str, Any]]

_PARAMETERS = "ros__parameters"
_ANY_NODE = "/**"
_WILDCARDS = ("*", "**")
_MISSPELT = 0.88
"""Likeness from which an unknown node is a misspelt one: a letter or two differ."""


def full_name(namespace: str, node: str) -> str:
    """Return the name of a node with its namespace, such as `/geoloc/camera_node`."""
    return "/" + "/".join(part for part in (namespace.strip("/"), node) if part)


def read_sections(path: Path) -> Sections:
    """Return the parameters of a ROS parameter file by section, such as `/**` or `/**/camera_node`.

    Raises:
        ParameterError: if the file is missing, is not YAML, lacks `node: {ros__parameters: {...}}`, or has a
            value that ROS does not take.
    """
    if not path.is_file():
        raise ParameterError(f"{path} does not exist; give the path of a ROS parameter file.")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(tree, Mapping) or not tree:
        raise ParameterError(f"{path} is not a ROS parameter file; write `/**: ros__parameters: ...` in it.")
    sections: Sections = {}
    for name, values in _sections_of(path, "", tree):
        for parameter, value in values.items():
            _check_value(path, str(parameter), value)
        sections[name] = sections.get(name, {}) | values
    return sections


def in_any_namespace(path: Path) -> str:
    """Return the text of a parameter file with each plain section `node:` renamed to `/**/node:`.

    Everything else stays as written, because rcl and PyYAML do not read every number alike.

    Raises:
        ParameterError: if the file cannot be read or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _unreadable(path, error) from error
    for key, content in reversed(root.value if isinstance(root, yaml.MappingNode) else []):
        if isinstance(content, yaml.MappingNode) and _PARAMETERS in [name.value for name, _ in content.value]:
            begin, end = key.start_mark.index, key.end_mark.index
            text = text[:begin] + _anywhere(key.value) + text[end:]
    return text


def merge_sections(files: Sequence[Path]) -> Sections:
    """Return the sections of several files in the order in which ROS applies them.

    Raises:
        ParameterError: as in `read_sections`.
    """
    merged: Sections = {_ANY_NODE: {}}
    for path in files:
        for name, values in read_sections(path).items():
            merged[name] = merged.get(name, {}) | values
    return merged


def values_for(node: str, sections: Sections) -> dict[str, Any]:
    """Return the parameters of a node.

    Args:
        node: full name of the node, such as `/geoloc/camera_node`.
        sections: sections in the order of `merge_sections`.
    """
    values: dict[str, Any] = {}
    for section, own in sections.items():
        if reaches(section, node):
            values |= own
    return values


def reaches(section: str, node: str) -> bool:
    """Return whether ROS gives the parameters of a section to the node with this full name."""
    pattern = "/" + section.removeprefix("/")
    return re.fullmatch(pattern.replace("/*", r"(/\w+)"), node) is not None


def node_of(section: str) -> str:
    """Return the node name of a section without its namespace; `**` and `*` stand for any node."""
    return section.rpartition("/")[2]


def check_sections(path: Path, node: str) -> None:
    """Refuse a section that is meant for a node and does not reach it.

    Such a section names the node in another namespace, misspells its name, or is `/*`, which reaches only
    nodes without a namespace. Sections of other programs' nodes are accepted. So is a section of the same
    node in a second namespace, beside one that reaches it: one file may serve several drones.

    Args:
        path: parameter file.
        node: full name of the node, such as `/geoloc/camera_node`.

    Raises:
        ParameterError: for the first such section, and as in `read_sections`.
    """
    own, sections = node_of(node), read_sections(path)
    named = any("*" not in section and reaches(section, node) for section in sections)
    for section in sections:
        if reaches(section, node):
            continue
        if node_of(section) == own and not (named and "*" not in section):
            raise ParameterError(
                f"`{section}` in {path} reaches no node, because {own} runs as {node}; "
                f"rename the section to `/**/{own}`."
            )
        if _is_misspelt(node_of(section), own):
            raise ParameterError(f"{node_of(section)} in {path} is not a node of geoloc; rename it to {own}.")
        if not section.strip("/*"):
            raise ParameterError(f"`{section}` in {path} does not reach {node}; rename it to `/**`.")


def resembling(name: str, known: Collection[str]) -> str:
    """Return the known name that an unknown name resembles; empty if the name is known or resembles none."""
    return "" if name in known else next(iter(difflib.get_close_matches(name, sorted(known), 1)), "")


def _is_misspelt(name: str, node: str) -> bool:
    if name in _WILDCARDS or name.rstrip("_0123456789") == node:  # camera_node_2 is another node
        return False
    return difflib.SequenceMatcher(None, name, node).ratio() >= _MISSPELT


def _sections_of(path: Path, name: str, tree: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the parameters of each section; namespaces may be nested mappings."""
    for key, content in tree.items():
        full = f"{name}/{key}" if name else str(key)
        if key == _PARAMETERS and not name:
            raise ParameterError(f"`{key}` in {path} is under no node; write `/**:` above and indent it.")
        if name and key == _PARAMETERS and not content:
            raise ParameterError(
                f"`{key}` of `{name}` in {path} is empty; write `{key}: {{}}`, or remove the section."
            )
        if name and resembling(str(key), [_PARAMETERS]):
            raise ParameterError(f"`{key}` of `{name}` in {path} is unknown; write `{_PARAMETERS}`.")
        if not isinstance(content, Mapping) or not content:
            raise ParameterError(
                f"`{name or key}` in {path} has no `{_PARAMETERS}`; write it as in config/bringup.yaml."
            )
        if isinstance(content.get(_PARAMETERS), Mapping):
            yield _anywhere(full), dict(content[_PARAMETERS])
        else:
            yield from _sections_of(path, full, content)


def _anywhere(section: str) -> str:
    return section if "/" in section or "*" in section else f"{_ANY_NODE}/{section}"


def _check_value(path: Path, name: str, value: Any) -> None:  # noqa: ANN401
    """Refuse values that ROS does not take: none at all, and lists of mixed types or of lists."""
    if isinstance(value, Mapping):
        for inner, each in value.items():
            _check_value(path, f"{name}.{inner}", each)
    elif value is None:
        raise ParameterError(f"{name} in {path} has no value; write one, or remove the line.")
    elif isinstance(value, list) and (
        len({type(item) for item in value}) > 1 or any(isinstance(item, list | Mapping) for item in value)
    ):
        raise ParameterError(
            f"{name} in {path} is {value}; write a list of one type, such as [0.0, 90.0, 0.0]."
        )


def _unreadable(path: Path, error: Exception) -> ParameterError:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        reason = " ".join(clause(error).split())
        return ParameterError(f"{path} cannot be read as a ROS parameter file ({reason}); correct it.")
    where = f"line {error.problem_mark.line + 1} of {path}"
    if r"'\t'" in (error.problem or ""):
        return ParameterError(f"{where} has a tab where YAML takes none; write spaces instead.")
    return ParameterError(f"{where} is not YAML ({clause(error.problem or '')}); correct it.")
