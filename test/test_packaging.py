# SPDX-License-Identifier: Apache-2.0
"""The package for pip, colcon and `ros2`: one version, one list of programs, files in place."""

import ast
import configparser
import importlib.util
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from geoloc.nodes.startup import programs
from geoloc_lab.nodes import programs as lab_programs

ROOT = Path(__file__).resolve().parents[1]
NODES = (*programs.NODES, *lab_programs.NODES)
MANIFEST = ElementTree.parse(ROOT / "package.xml").getroot()


def scripts() -> dict[str, str]:
    entries = metadata.distribution("geoloc").entry_points
    return {entry.name: entry.value for entry in entries if entry.group == "console_scripts"}


def test_the_manifest_is_that_of_an_ament_python_package() -> None:
    assert MANIFEST.get("format") == "3"
    assert MANIFEST.findtext("name") == "geoloc"
    assert MANIFEST.findtext("license") == "Apache-2.0"
    assert MANIFEST.findtext("export/build_type") == "ament_python"


def test_one_version_in_every_place() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert MANIFEST.findtext("version") == metadata.version("geoloc") == citation["version"]
    assert f"\n## {citation['version']}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version="{metadata.version("geoloc")}"' in (ROOT / "setup.py").read_text()


def test_a_bug_report_asks_for_the_bag_the_map_and_the_doctor() -> None:
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug_report.yml").read_text(encoding="utf-8"))
    required = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert {"doctor", "bag", "map"} <= required


def test_every_node_of_the_table_is_a_program() -> None:
    for entry in NODES:
        assert scripts()[entry.name] == entry.program
        module, function = entry.program.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_every_program_leads_to_a_module_that_exists() -> None:
    for value in scripts().values():
        assert importlib.util.find_spec(value.partition(":")[0]) is not None, value


def test_colcon_puts_programs_where_ros2_looks() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert settings["develop"]["script_dir"] == settings["install"]["install_scripts"] == "$base/lib/geoloc"


def test_colcon_can_read_the_metadata() -> None:
    """Colcon needs literals from setup.py; a `requires-python` in pyproject.toml would be an object."""
    pytest.importorskip("setuptools")
    code = (
        "import setuptools, sys; from distutils.core import run_setup; "
        "dist = run_setup('setup.py', script_args=('--dry-run',), stop_after='config'); "
        "answers = [dist.python_requires, dist.entry_points, dist.data_files, dist.install_requires, "
        "dict(dist.extras_require)]; "
        "sys.stdout.write(repr(answers))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    python, entry_points, data_files, requirements, extras = ast.literal_eval(answer.stdout)
    assert python == ">=3.10"
    assert len(entry_points["console_scripts"]) == len(scripts())
    assert data_files
    assert requirements
    assert any(word.startswith("pytest") for word in extras["test"])  # by which `colcon test` chooses pytest
    assert "pyproject.toml" not in answer.stderr  # a field that setuptools misses there


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install a copy the way colcon does: `setup.py install` with a prefix."""
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("colcon")
    command = [sys.executable, "setup.py", "--quiet", "build", "--build-base", str(folder / "build")]
    command += ["egg_info", "--egg-base", str(folder)]
    command += ["install", "--prefix", str(folder / "install"), "--single-version-externally-managed"]
    subprocess.run([*command, "--record", str(folder / "log")], cwd=ROOT, check=True, capture_output=True)
    return folder / "install"


def test_a_colcon_install_has_programs_and_files_in_place(installed: Path) -> None:
    assert {entry.name for entry in NODES} <= {path.name for path in (installed / "lib" / "geoloc").iterdir()}
    assert (installed / "share/ament_index/resource_index/packages/geoloc").is_file()
    share = installed / "share" / "geoloc"
    shared = [path for top in ("launch", "config") for path in (ROOT / top).rglob("*") if path.is_file()]
    for path in (ROOT / "package.xml", *(path for path in shared if path.suffix != ".pyc")):
        assert (share / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    for card in (ROOT / "models").glob("*/model.yaml"):
        assert (share / "models" / card.parent.name / "model.yaml").is_file()


def test_colcon_puts_the_programs_on_the_path(installed: Path) -> None:
    (hook,) = json.loads((ROOT / "colcon.pkg").read_text(encoding="utf-8"))["hooks"]
    action, variable, folder = (installed / hook).read_text(encoding="utf-8").strip().split(";")
    assert (action, variable) == ("prepend-non-duplicate", "PATH")
    assert (installed / folder / "geoloc").is_file()


def test_an_install_has_the_three_packages_whole(installed: Path) -> None:
    site = next(path.parent for path in installed.rglob("geoloc") if (path / "localizer.py").is_file())
    for package in ("geoloc", "geoloc_lab", "geoloc_training"):
        source = ROOT / "src" / package
        kept = [path for path in source.rglob("*") if path.suffix in {".py", ".typed", ".j2"}]
        missing = [path for path in kept if not (site / path.relative_to(ROOT / "src")).is_file()]
        assert not missing
    for package in ("geoloc", "geoloc_lab"):
        assert (site / package / "py.typed").is_file()
    assert (site / "geoloc_lab" / "reports" / "report.html.j2").is_file()


def test_this_environment_is_an_ament_prefix_with_geoloc() -> None:
    prefix = Path(sys.prefix)
    if not (prefix / "geoloc-setup").is_dir() or prefix.parent != ROOT:
        pytest.skip("tools/setup_venv.py made no environment in this checkout")
    assert (prefix / "share/ament_index/resource_index/packages/geoloc").exists()
    assert (prefix / "share/geoloc/launch/bringup.launch.py").samefile(ROOT / "launch/bringup.launch.py")
    for name in scripts():
        assert (prefix / "lib" / "geoloc" / name).samefile(prefix / "bin" / name)
