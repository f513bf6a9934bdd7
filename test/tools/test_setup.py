# SPDX-License-Identifier: Apache-2.0
"""Tests the set-up: the choice of ROS, missing tools, skipped steps, and recovery after an interruption."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import machine  # noqa: E402 - found through the line above
import setup_venv  # noqa: E402
from machine import Ros, SetupError  # noqa: E402
from setup_venv import STATE, UNFINISHED, Step, Venv  # noqa: E402

SOURCED = {"ROS_DISTRO": "kilted", "AMENT_PREFIX_PATH": "/opt/ros/kilted"}


def importing(*modules: str) -> Callable[[str], bool]:
    return lambda module: module in modules


def test_a_sourced_ros_is_used() -> None:
    assert machine.find_ros(SOURCED, importing("rclpy", "geographic_msgs.msg")) == Ros("kilted")


@pytest.mark.parametrize(
    ("environment", "modules"),
    [
        ({}, ("rclpy", "geographic_msgs.msg")),
        ({"ROS_DISTRO": "kilted"}, ("rclpy", "geographic_msgs.msg")),
        ({"AMENT_PREFIX_PATH": "/opt/ros/kilted"}, ("rclpy", "geographic_msgs.msg")),
        (SOURCED, ()),
    ],
)
def test_without_a_usable_ros_the_wheels_are_used(
    environment: dict[str, str], modules: tuple[str, ...]
) -> None:
    assert not machine.find_ros(environment, importing(*modules)).sourced


def test_a_ros_without_geographic_msgs_names_the_package_to_install() -> None:
    with pytest.raises(SetupError, match="apt-get install ros-kilted-geographic-msgs"):
        machine.find_ros(SOURCED, importing("rclpy"))


def test_a_sourced_ros_is_found_by_a_real_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("rclpy", "geographic_msgs", "geographic_msgs/msg"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.find_ros(SOURCED).sourced
    (tmp_path / "rclpy" / "__init__.py").write_text("raise ImportError('broken')")
    assert not machine.find_ros(SOURCED).sourced


@pytest.mark.parametrize("tool", ["gcc", "g++", "make", "cmake"])
def test_a_missing_compiler_is_named_in_one_sentence(tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "missing_tools", lambda ros: [tool])
    with pytest.raises(
        SetupError, match=f"not found: {tool.replace('+', '.')}; install with `sudo apt-get"
    ) as caught:
        machine.require_tools(Ros())
    assert "\n" not in str(caught.value)


def test_tools_that_which_does_not_find_are_missing() -> None:
    present = {"gcc", "make"}
    missing = machine.missing_tools(
        Ros(), lambda tool: tool if tool in present else None, importing("ensurepip")
    )
    assert missing[:2] == ["g++", "cmake"]
    assert "python3-venv" in machine.missing_tools(Ros(), lambda tool: tool, importing())


def test_a_sourced_ros_needs_no_compiler() -> None:
    assert machine.missing_tools(Ros("jazzy"), lambda _tool: None, importing("ensurepip")) == []


def test_a_child_python_does_not_inherit_another_environments_libraries() -> None:
    wheels = {"_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1", "LD_LIBRARY_PATH": "/else/lib", "HOME": "/home"}
    clean = machine.clean_environment(wheels)
    assert "_ROS_WHEELS_BOOTSTRAP_COMPLETE" not in clean
    assert "LD_LIBRARY_PATH" not in clean
    assert clean["HOME"] == "/home"


def test_a_sourced_ros_keeps_its_libraries() -> None:
    assert machine.clean_environment({"LD_LIBRARY_PATH": "/opt/ros/lib"})["LD_LIBRARY_PATH"] == "/opt/ros/lib"


def test_a_failing_command_shows_the_end_of_what_it_printed(tmp_path: Path, capsys: Any) -> None:
    command = [sys.executable, "-c", "print('reason 42'); raise SystemExit(3)"]
    with pytest.raises(SetupError, match="reason 42"):
        machine.run_quietly(command, folder=tmp_path, environment={}, log=tmp_path / "log", keep_open=1)


@pytest.fixture
def venv(tmp_path: Path) -> Venv:
    return Venv(tmp_path / "venv", Ros(), lock=1)


def step(run: Callable[[], None], *words: str, name: str = "one") -> Step:
    return Step(name, name, run, words)


def test_a_step_is_done_once_until_its_inputs_change(venv: Venv) -> None:
    venv.perform(step(lambda: None, "a"))
    assert venv.is_done(step(lambda: None, "a"))
    assert not venv.is_done(step(lambda: None, "b"))
    assert not venv.is_done(step(lambda: None, "a", name="two"))


def test_a_files_content_is_an_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(setup_venv, "ROOT", tmp_path)
    file = tmp_path / "pyproject.toml"
    file.write_text("one")
    before = Step("s", "s", lambda: None, (), [file]).digest()
    file.write_text("two")
    assert Step("s", "s", lambda: None, (), [file]).digest() != before


def test_an_interrupted_step_leaves_its_mark_and_no_stamp(venv: Venv) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        venv.perform(step(interrupt, "a"))
    assert (venv.folder / STATE / UNFINISHED).exists()
    assert not venv.is_done(step(interrupt, "a"))


def test_an_interrupted_environment_is_discarded(venv: Venv) -> None:
    test_an_interrupted_step_leaves_its_mark_and_no_stamp(venv)
    (venv.folder / "lib").mkdir()
    venv.discard_if_broken()
    assert not venv.folder.exists()


def test_a_complete_environment_is_kept(venv: Venv) -> None:
    venv.perform(step(lambda: None, "a"))
    venv.python.parent.mkdir()
    venv.python.touch()
    venv.discard_if_broken()
    assert venv.is_done(step(lambda: None, "a"))


def test_a_folder_made_by_another_program_is_not_removed(venv: Venv) -> None:
    (venv.folder / "precious").mkdir(parents=True)
    with pytest.raises(SetupError, match="move it away"):
        venv.discard_if_broken()
    assert (venv.folder / "precious").is_dir()


def test_discarding_an_environment_leaves_what_its_links_point_to(venv: Venv, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    venv.perform(step(lambda: setup_venv.link(venv.folder / "share" / "link", tmp_path / "source"), "a"))
    venv.discard()
    assert not venv.folder.exists()
    assert (tmp_path / "source" / "file").exists()


def test_steps_build_messages_only_with_the_wheels(tmp_path: Path) -> None:
    def names(ros: Ros, *, train: bool) -> list[str]:
        return [each.name for each in setup_venv.steps(Venv(tmp_path, ros, 1), train=train)]

    assert names(Ros(), train=False) == ["venv", "package", "messages", "place"]
    assert names(Ros("jazzy"), train=True) == ["venv", "package", "place", "train"]


def test_with_a_sourced_ros_the_environment_includes_the_systems_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Venv, "call", lambda _venv, *words: said.append(words))
    Venv(tmp_path, Ros("jazzy"), 1).create()
    Venv(tmp_path, Ros(), 1).create()
    assert ["--system-site-packages" in words for words in said] == [True, False]


def test_numpy_stays_with_the_major_version_of_a_sourced_ros(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[tuple[Any, ...]] = []
    monkeypatch.setattr(Venv, "call", lambda _venv, *words: said.append(words))
    monkeypatch.setattr(machine, "ask_python", lambda _code: "1")
    venv = Venv(tmp_path, Ros("jazzy"), 1)
    (tmp_path / STATE).mkdir()
    venv.pip("geoloc")
    assert said[0][-1].read_text() == "numpy<2\n"


def test_the_command_line_ends_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "venv" / "mine").mkdir(parents=True)
    command = [sys.executable, str(ROOT / "tools" / "setup_venv.py"), "--venv", str(tmp_path / "venv")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "was not made by this script" in answer.stderr
    assert "Traceback" not in answer.stderr
