# SPDX-License-Identifier: Apache-2.0
"""Section on parameter files: read and checked as the nodes do."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc.doctor.privacy import shown
from geoloc.doctor.report import Entry, ok, problem
from geoloc.errors import ParameterError, clause
from geoloc.nodes.parameter_owners import check_owners
from geoloc.nodes.settings import NODES
from geoloc.parameter_files import (
    check_sections,
    full_name,
    merge_sections,
    read_sections,
    resembling,
    values_for,
)
from geoloc.settings import fill, settings_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_GIVEN_ELSEWHERE: dict[str, Any] = {"view_size_m": 100.0, "encoder_px": 160, "map": "map", "model": "model"}
"""Parameters that a file may leave out, because the map, the model or the command line gives them."""


def parameter_entries(files: Sequence[Path], namespace: str) -> Iterator[Entry]:
    """Yield the sections of each file, then for each node its parameters, its refusal and probable typos."""
    for file in files:
        sections = read_sections(file)
        yield ok(f"{shown(file)}: sections {', '.join(sections)}")
    for file, node in itertools.product(files, NODES):
        try:
            check_sections(file, full_name(namespace, node))
            check_owners([file], full_name(namespace, node))
        except ParameterError as error:
            yield problem(str(error).replace(str(file), shown(file)))
    merged = merge_sections(files)
    given: set[str] = set()
    every_name = {name for kind in NODES.values() for name in settings_of(kind)}
    for node, kind in NODES.items():
        values = values_for(full_name(namespace, node), merged)
        yield _node_entry(node, kind, values)
        given |= values.keys()
    for name in sorted(given):
        like = resembling(name, every_name)
        if like:
            yield problem(f"no node has a parameter {name}; remove it or rename it to {like}.")


def _node_entry(node: str, kind: "type[DataclassInstance]", values: dict[str, Any]) -> Entry:
    try:
        fill(kind, _GIVEN_ELSEWHERE | values)
    except ParameterError as error:
        return problem(f"{node} would not start: {clause(error)}; correct it in the parameter file.")
    own = sorted(values.keys() & settings_of(kind).keys())
    return ok(f"{node} reads {', '.join(own) if own else 'no parameter from these files'}")
