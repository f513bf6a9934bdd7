# SPDX-License-Identifier: Apache-2.0
"""Reads ROS parameter files without ROS, and merges their sections as rcl does.

ROS applies the sections that match a node in the order in which their names first appear in the files. The
last section wins, and within a section the last file wins. The first file of bringup has the section `/**`. A
section with the name of a node therefore wins over `/**`, even over `/**` in a later file.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from geoloc.errors import ParameterError, clause

Sections = dict[str, dict[str, Any]]

_PARAMETERS = "ros__parameters"
_ANY_NODE = "/**"
_WILDCARDS = ("*", "**")


def read_sections(path: Path) -> Sections:
    """Return the parameters of a ROS parameter file by section, such as `/**` or `/**/camera_node`.

    Raises:
        ParameterError: if the file is missing, is not YAML, or lacks `node: {ros__parameters: {...}}`.
    """
    if not path.is_file():
        raise ParameterError(f"{path} does not exist; give the path of a ROS parameter file.")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(
            f"{path} cannot be read as a ROS parameter file ({clause(error)}); correct its YAML."
        ) from error
    if not isinstance(tree, Mapping) or not tree:
        raise ParameterError(f"{path} is not a ROS parameter file; write `/**: ros__parameters: ...` in it.")
    return dict(_sections_of(path, "", tree))


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
    """Return the parameters of a node in any namespace.

    Args:
        node: name of the node without its namespace.
        sections: sections in the order of `merge_sections`.
    """
    values: dict[str, Any] = {}
    for section, own in sections.items():
        if node_of(section) in (node, *_WILDCARDS):
            values |= own
    return values


def node_of(section: str) -> str:
    """Return the node name of a section without its namespace; `**` and `*` stand for any node."""
    return section.rpartition("/")[2]


def check_nodes(path: Path, known: Collection[str]) -> None:
    """Refuse a section whose name is probably a misspelt name of a known node.

    Sections of other programs' nodes are accepted.

    Raises:
        ParameterError: for the first such section, and as in `read_sections`.
    """
    for section in read_sections(path):
        like = resembling(node_of(section), known)
        if like:
            raise ParameterError(f"`{section}` in {path} is not a node of geoloc; rename it to `/**/{like}`.")


def resembling(name: str, known: Collection[str]) -> str:
    """Return the known name that an unknown name resembles; empty if the name is known or resembles none."""
    if name in known or name in _WILDCARDS:
        return ""
    return next(iter(difflib.get_close_matches(name, sorted(known), 1)), "")


def _sections_of(path: Path, name: str, tree: Mapping[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and the parameters of each section; namespaces may be nested mappings."""
    for key, content in tree.items():
        full = f"{name}/{key}" if name else str(key)
        if not isinstance(content, Mapping) or not content:
            raise ParameterError(
                f"`{name or key}` in {path} has no `{_PARAMETERS}`; write it as in config/bringup.yaml."
            )
        if isinstance(content.get(_PARAMETERS), Mapping):
            yield full, dict(content[_PARAMETERS])
        else:
            yield from _sections_of(path, full, content)
