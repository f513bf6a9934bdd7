# SPDX-License-Identifier: Apache-2.0
"""Rules of the design: allowed imports, and limits on the size of files, functions and folders."""

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PYTHON_FILES = [
    *SOURCES,
    *sorted((ROOT / "launch").glob("*.py")),
    *sorted((ROOT / "tools").rglob("*.py")),
    *sorted((ROOT / "test").rglob("*.py")),
    ROOT / "setup.py",
]

ROS = {
    "rclpy",
    "launch",
    "launch_ros",
    "ament_index_python",
    "cv_bridge",
    "tf2_ros",
    "builtin_interfaces",
    "diagnostic_msgs",
    "geographic_msgs",
    "geometry_msgs",
    "nav_msgs",
    "rcl_interfaces",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "std_srvs",
}
SPDX = "# SPDX-License-Identifier: Apache-2.0"
LEARNING = {"torch", "torchvision", "timm"}
LONGEST_FILE = 400
LONGEST_NODE = 250
LONGEST_BODY = 60
FULLEST_FOLDER = 20
PACKAGES = ("geoloc", "geoloc_lab", "geoloc_training")


def module_of(path: Path) -> str:
    """Return a source file's dotted name."""
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


MODULES = {module_of(path): path for path in SOURCES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every import anywhere in a file, including `import_module("x")`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
            "import_module",
            "importorskip",
        ):
            yield from (str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant))


@cache
def names(path: Path) -> set[str]:
    return set(imports(tree_of(path)))


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in names(path)}


def offenders(paths: Iterable[Path], forbidden: set[str]) -> dict[str, list[str]]:
    """Return the files that import a forbidden package or module, or anything below it."""
    found = {
        relative(path): sorted(
            name
            for name in names(path)
            if any(name == bad or name.startswith(f"{bad}.") for bad in forbidden)
        )
        for path in paths
    }
    return {path: bad for path, bad in found.items() if bad}


def longest(name: str) -> int:
    return LONGEST_NODE if name.endswith("_node.py") else LONGEST_FILE


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def bodies(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every function's name and the lines of its body; signature and docstring are not counted."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            statements = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            if statements:
                yield node.name, (statements[-1].end_lineno or 0) - statements[0].lineno + 1


def folder(module: str) -> str:
    """Return the folder of a module: its package, or the module itself at the top of a package."""
    if MODULES[module].name == "__init__.py":
        return module
    parent = module.rpartition(".")[0]
    return module if parent in PACKAGES else parent


def own_imports(path: Path) -> Iterator[str]:
    """Yield our modules that a file imports; `from package import module` counts as the module alone."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import | ast.Call):
            yield from imports(ast.Module([node], []))
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from below & set(MODULES)
            if below - set(MODULES):
                yield node.module


def imports_among(unit: Callable[[str], str]) -> dict[str, set[str]]:
    """Return the units of ours that each unit imports, anywhere in a file."""
    graph: dict[str, set[str]] = {unit(module): set() for module in MODULES}
    for module, path in MODULES.items():
        found = set(own_imports(path)) & set(MODULES)
        graph[unit(module)] |= {unit(name) for name in found} - {unit(module)}
    return graph


def cycle_in(graph: Mapping[str, set[str]]) -> tuple[str, ...]:
    """Return the units of one cycle; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def in_nodes(path: Path) -> bool:
    return relative(path).split("/")[2:3] == ["nodes"]


def may_learn(path: Path) -> bool:
    return "src/geoloc_training/" in relative(path) or path.name.startswith("torch_")


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import rclpy.node", "rclpy"),
        ("def f():\n    from torch import nn", "torch"),
        ("if True:\n    import a, sensor_msgs.msg as m", "sensor_msgs"),
        ("importlib.import_module('tf2_ros')", "tf2_ros"),
        ("from geoloc import nodes", "geoloc.nodes"),
    ],
)
def test_an_import_is_found_wherever_it_stands(code: str, found: str) -> None:
    seen = set(imports(ast.parse(code)))
    assert found in seen | {name.partition(".")[0] for name in seen}


def test_only_nodes_import_ros() -> None:
    assert offenders((path for path in SOURCES if not in_nodes(path)), ROS) == {}


def test_only_training_and_torch_modules_import_torch() -> None:
    assert offenders((path for path in SOURCES if not may_learn(path)), LEARNING) == {}


def test_training_imports_neither_ros_nor_nodes() -> None:
    training = [path for path in SOURCES if "src/geoloc_training/" in relative(path)]
    assert offenders(training, ROS | {"geoloc.nodes", "geoloc_lab.nodes"}) == {}


def test_geoloc_imports_neither_the_lab_nor_training() -> None:
    flying = [path for path in SOURCES if "src/geoloc/" in relative(path)]
    assert offenders(flying, {"geoloc_lab", "geoloc_training"}) == {}


def test_the_lab_does_not_import_training() -> None:
    measuring = [path for path in SOURCES if "src/geoloc_lab/" in relative(path)]
    assert offenders(measuring, {"geoloc_training"}) == {}


@pytest.mark.parametrize("unit", [str, folder], ids=["modules", "folders"])
def test_no_cycle_of_imports(unit: Callable[[str], str]) -> None:
    assert cycle_in(imports_among(unit)) == ()


def test_a_cycle_is_found() -> None:
    assert set(cycle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})) == {"a", "b", "c"}


def test_no_folder_holds_too_many_modules() -> None:
    counts = Counter(path.parent for path in SOURCES if path.name != "__init__.py")
    assert {relative(where): count for where, count in counts.items() if count > FULLEST_FOLDER} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_classes_of_a_package_share_a_name(package: str) -> None:
    places: dict[str, list[str]] = {}
    for path in (ROOT / "src" / package).rglob("*.py"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(relative(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_files_stay_readable() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON_FILES}
    assert {name: lines for name, lines in lengths.items() if lines > longest(name)} == {}


def test_functions_stay_readable() -> None:
    trees = ((relative(path), tree_of(path)) for path in SOURCES)
    assert [(name, *body) for name, tree in trees for body in bodies(tree) if body[1] > LONGEST_BODY] == []


def test_every_file_names_its_licence() -> None:
    texts = {relative(path): path.read_text(encoding="utf-8") for path in PYTHON_FILES}
    assert [name for name, text in texts.items() if text and SPDX not in text.splitlines()[:2]] == []


def test_the_rules_look_at_the_whole_tree() -> None:
    assert {relative(path).split("/")[1] for path in SOURCES} == set(PACKAGES)
    assert any(in_nodes(path) for path in SOURCES)
    assert any(may_learn(path) and roots(path) & LEARNING for path in SOURCES)
