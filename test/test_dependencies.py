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
from test_architecture import ROOT, ROS, imports

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
OURS = {"geoloc", "geoloc_lab", "geoloc_training"}
TYPE_STUBS = {"_typeshed"}  # for type checkers; no such module exists at run time
OPTIONAL_BACKENDS = {"openvino"}
"""Backends that the user may choose; without one, the error says what to install."""


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
        if not Path(module).name.startswith("torch_") and name not in OPTIONAL_BACKENDS
    }


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


def test_the_manifest_has_a_key_for_every_dependency_of_geoloc_and_the_lab() -> None:
    manifest = ElementTree.parse(ROOT / "package.xml").getroot()
    keys = {str(element.text) for element in manifest if element.tag.endswith("depend")}
    words = {key.removeprefix("python3-").removesuffix("-pip") for key in keys if key.startswith("python3-")}
    ros_names = {"opencv-python-headless": "opencv", "faiss-cpu": "faiss", "pyyaml": "yaml", "pillow": "pil"}
    without_a_key = {"affine", "dacite"}  # affine comes with rasterio; a comment covers dacite
    wanted = {ros_names.get(name, name) for name in BASE | named(EXTRAS["lab"])} - without_a_key
    assert wanted == words - {"pytest"}


def test_the_command_line_refuses_a_typer_older_than_the_requirement() -> None:
    assert f"typer>={OLDEST_TYPER}" in PROJECT["dependencies"]
