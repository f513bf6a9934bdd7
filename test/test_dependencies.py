# SPDX-License-Identifier: Apache-2.0
"""Each package's imports are installed with it: base, [lab] or [train]; the base installs nothing else."""

import ast
import re
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from geoloc.cli import OLDEST_TYPER
from test_architecture import MODULES, ROOT, ROS, imports, tree_of

if sys.version_info < (3, 11):
    pytest.skip("tomllib comes with Python 3.11", allow_module_level=True)
import tomllib

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED_AS = {
    "cv2": "opencv-python-headless",
    "faiss": "faiss-cpu",
    "PIL": "pillow",
    "yaml": "pyyaml",
}
ROSDEP_KEYS = {
    "opencv-python-headless": "python3-opencv",
    "faiss-cpu": "python3-faiss",
    "onnxruntime": "python3-onnxruntime-pip",
    "pillow": "python3-pil",
    "pyyaml": "python3-yaml",
    "rosbags": "python3-rosbags-pip",
}
WITHOUT_A_KEY = {"affine", "dacite", "rosbags-image"}
"""affine comes with rasterio, package.xml speaks of dacite, and a test skips without rosbags-image."""
OURS = {"geoloc", "geoloc_lab", "geoloc_training"}
TYPE_STUBS = {"_typeshed"}  # for type checkers; no such module exists at run time
OPTIONAL_BACKENDS = {"openvino"}
"""Backends that the user may choose; without one, the error says what to install."""
OPTIONAL_READERS = {"pyulog", "pymavlink"}
"""Readers of logs that few users have; without one, the error says what to install."""


def named(requirements: list[str]) -> set[str]:
    """Return the distributions in a list of requirements; geoloc's own extras are resolved."""
    found = set()
    for requirement in requirements:
        name, extras = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", requirement).groups()
        if name != "geoloc":
            found.add(name.lower())
        elif extras:
            found |= {name for extra in extras.split(",") for name in named(EXTRAS[extra])}
    return found


def third_party(package: str) -> Iterator[tuple[str, str]]:
    """Yield every distribution that a package imports, and the importing module."""
    for path in sorted((ROOT / "src" / package).rglob("*.py")):
        for name in imports(ast.parse(path.read_text(encoding="utf-8"))):
            root = name.partition(".")[0]
            if root not in sys.stdlib_module_names and root not in OURS | ROS | TYPE_STUBS:
                yield INSTALLED_AS.get(root, root.replace("_", "-")), path.relative_to(ROOT).as_posix()


def needed(package: str) -> set[str]:
    """Return the imports of a package, except those of torch modules and optional backends."""
    return {
        name
        for name, module in third_party(package)
        if not Path(module).name.startswith("torch_") and name not in OPTIONAL_BACKENDS | OPTIONAL_READERS
    }


def imported(path: Path) -> set[str]:
    """Return what the statements at the top level of a file import, with the packages that hold it."""
    body = [each for each in tree_of(path).body if isinstance(each, ast.Import | ast.ImportFrom)]
    names = set(imports(ast.Module([*body], [])))
    return {name.rsplit(".", cut)[0] for name in names for cut in range(name.count(".") + 1)}


def importers_of(root: str) -> set[str]:
    """Return our modules, and the helpers of the tests, whose import imports a package, also indirectly."""
    helpers = {path.stem: path for path in (ROOT / "test").glob("*.py")}
    graph = {module: imported(path) for module, path in (MODULES | helpers).items()}
    found = {root}
    while more := {module for module, names in graph.items() if names & found} - found:
        found |= more
    return found


BASE = named(PROJECT["dependencies"])


def test_the_base_is_exactly_what_flying_imports() -> None:
    assert needed("geoloc") == BASE


def test_the_lab_is_exactly_what_measuring_imports_beside_the_base() -> None:
    assert needed("geoloc_lab") - BASE == named(EXTRAS["lab"])


def test_training_imports_what_its_extra_installs() -> None:
    assert needed("geoloc_training") <= BASE | named(EXTRAS["train"])
    assert named(EXTRAS["lab"]) <= named(EXTRAS["train"])


def test_torch_modules_of_geoloc_need_only_the_train_extra() -> None:
    optional = {name for name, module in third_party("geoloc") if Path(module).name.startswith("torch_")}
    assert optional - BASE <= named(EXTRAS["train"])


def test_optional_backends_have_an_extra_each() -> None:
    assert set(EXTRAS) >= OPTIONAL_BACKENDS
    assert not OPTIONAL_BACKENDS & BASE


def test_optional_readers_are_exactly_the_extra_for_logs() -> None:
    imported = {name for name, _ in third_party("geoloc_lab")}
    assert named(EXTRAS["logs"]) == OPTIONAL_READERS
    assert imported >= OPTIONAL_READERS


def test_tests_of_training_are_skipped_without_torch() -> None:
    """`colcon test` collects every test with what rosdep installs, which is not torch."""
    learning = importers_of("torch")
    tests = [path for path in sorted((ROOT / "test").rglob("test_*.py")) if imported(path) & learning]
    assert len(tests) > 30
    assert not [path.name for path in tests if '"torch"' not in path.read_text(encoding="utf-8")]


def test_the_manifest_has_a_key_for_every_ros_package_that_is_imported() -> None:
    files = [
        *ROOT.glob("src/geoloc/**/*.py"),
        *ROOT.glob("src/geoloc_lab/**/*.py"),
        *ROOT.glob("launch/*.py"),
    ]
    imported_roots = {name.partition(".")[0] for path in files for name in imports(tree_of(path))}
    starts_them = {"ros2launch"}
    ours = keys("depend", "exec_depend")
    assert {key for key in ours if not key.startswith("python3-")} - starts_them == imported_roots & ROS


def test_the_manifest_has_a_key_for_every_dependency_of_geoloc_and_the_lab() -> None:
    ours = {key for key in keys("depend", "exec_depend") if key.startswith("python3-")}
    assert ours == {rosdep_key(name) for name in (BASE | named(EXTRAS["lab"])) - WITHOUT_A_KEY}


def test_the_manifest_has_a_key_for_what_the_tests_import() -> None:
    assert keys("test_depend") == {rosdep_key(name) for name in named(EXTRAS["test"]) - WITHOUT_A_KEY}


def keys(*tags: str) -> set[str]:
    manifest = ElementTree.parse(ROOT / "package.xml").getroot()
    return {str(element.text) for element in manifest if element.tag in tags}


def rosdep_key(distribution: str) -> str:
    return ROSDEP_KEYS.get(distribution, f"python3-{distribution}")


def test_the_command_line_refuses_a_typer_older_than_the_requirement() -> None:
    assert f"typer>={OLDEST_TYPER}" in PROJECT["dependencies"]
