# SPDX-License-Identifier: Apache-2.0
"""The rules that hold the design together: who may import what, and how large things may grow."""

import ast
from collections.abc import Iterable, Iterator
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
LONGEST_FILE = 401
LONGEST_NODE = 200
LONGEST_TEST = 400
LONGEST_BODY = 60


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every import, wherever it stands, `import_module("x")` too."""
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


def names(path: Path) -> set[str]:
    return set(imports(ast.parse(path.read_text(encoding="utf-8"))))


def roots(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in names(path)}


def offenders(paths: Iterable[Path], forbidden: set[str]) -> dict[str, list[str]]:
    """Return which files import something forbidden: a package, or a module with all below it."""
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
    if name.startswith("test/"):
        return LONGEST_TEST
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


def test_ros_is_imported_by_the_nodes_alone() -> None:
    assert offenders((path for path in SOURCES if not in_nodes(path)), ROS) == {}


def test_torch_is_imported_by_training_and_torch_modules_alone() -> None:
    assert offenders((path for path in SOURCES if not may_learn(path)), LEARNING) == {}


def test_training_knows_nothing_of_ros_and_nodes() -> None:
    training = [path for path in SOURCES if "src/geoloc_training/" in relative(path)]
    assert offenders(training, ROS | {"geoloc.nodes", "geoloc_lab.nodes"}) == {}


def test_what_flies_knows_nothing_of_what_measures_and_learns() -> None:
    flying = [path for path in SOURCES if "src/geoloc/" in relative(path)]
    assert offenders(flying, {"geoloc_lab", "geoloc_training"}) == {}


def test_what_measures_knows_nothing_of_what_learns() -> None:
    measuring = [path for path in SOURCES if "src/geoloc_lab/" in relative(path)]
    assert offenders(measuring, {"geoloc_training"}) == {}


def test_files_stay_readable() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON_FILES}
    assert {name: lines for name, lines in lengths.items() if lines >= longest(name)} == {}


def test_functions_stay_readable() -> None:
    trees = ((relative(path), ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES)
    assert [(name, *body) for name, tree in trees for body in bodies(tree) if body[1] >= LONGEST_BODY] == []


def test_every_file_names_its_licence() -> None:
    texts = {relative(path): path.read_text(encoding="utf-8") for path in PYTHON_FILES}
    assert [name for name, text in texts.items() if text and SPDX not in text.splitlines()[:2]] == []


def test_the_rules_look_at_the_whole_tree() -> None:
    assert {relative(path).split("/")[1] for path in SOURCES} == {"geoloc", "geoloc_lab", "geoloc_training"}
    assert any(in_nodes(path) for path in SOURCES)
    assert any(may_learn(path) and roots(path) & LEARNING for path in SOURCES)
