# SPDX-License-Identifier: Apache-2.0
"""No part of training imports, however indirectly, what imports it: neither modules nor folders."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
ROOT = "geoloc_training"
MOST_MODULES = 20


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted((SOURCE / ROOT).rglob("*.py"))}


def _imported(path: Path) -> set[str]:
    """Every import counts, in functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            found |= {name if name in MODULES else node.module for name in names}
    return found & set(MODULES)


def _unit(module: str) -> str:
    """The folder of a module; what lies at the top of the package counts for itself."""
    if MODULES[module].name == "__init__.py":
        return module
    folder = module.rpartition(".")[0]
    return module if folder == ROOT else folder


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_the_end():
    assert _cycle({name: _imported(path) for name, path in MODULES.items()}) == []


def test_no_folder_imports_itself_in_the_end():
    graph: dict[str, set[str]] = {}
    for name, path in MODULES.items():
        unit = _unit(name)
        graph.setdefault(unit, set()).update({_unit(other) for other in _imported(path)} - {unit})
    assert _cycle(graph) == []


@pytest.mark.parametrize("folder", sorted({path.parent for path in MODULES.values()}))
def test_a_folder_is_taken_in_at_a_glance(folder):
    assert len(list(folder.glob("*.py"))) <= MOST_MODULES


def test_a_class_has_a_name_of_its_own():
    classes = [
        node.name
        for path in MODULES.values()
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert sorted(classes) == sorted(set(classes))
