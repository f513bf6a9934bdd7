# SPDX-License-Identifier: Apache-2.0
"""The launch files, if the launch system is installed: descriptions of arguments, and nodes to start."""

import importlib.util
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="the ROS 2 launch system is not installed here")

from launch import LaunchContext, LaunchDescription, LaunchService
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch_ros.actions import Node, SetRemap

from geoloc.errors import ParameterError
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.nodes.startup.launch_actions import bringup_choices, when_it_ends
from geoloc.nodes.startup.programs import USER_MISTAKE
from geoloc.settings import settings_of

LAUNCH = Path(__file__).resolve().parents[1] / "launch"
BRINGUP = {"namespace", "params_file", "model", "map", "use_sim_time", "log_level", "respawn"}
TOPICS = set(settings_of(InputTopics))


def entities(name: str) -> list[Any]:
    specification = importlib.util.spec_from_file_location(name.replace(".", "_"), LAUNCH / name)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return list(module.generate_launch_description().entities)


def context_of(**arguments: str) -> LaunchContext:
    context = LaunchContext()
    context.launch_configurations.update(arguments)
    return context


def nodes(name: str, context: LaunchContext | None = None, **arguments: str) -> list[Node]:
    """Return the nodes that a launch file would start with these arguments."""
    context = context or LaunchContext()
    context.launch_configurations.update(arguments)
    started: list[Node] = []
    for entity in entities(name):
        found = entity.visit(context)
        if isinstance(entity, OpaqueFunction):
            started += found or []
    return started


@pytest.fixture
def choices(tmp_path: Path) -> dict[str, str]:
    for folder, file in (("model", "model.yaml"), ("map", "map.yaml")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).touch()
    return {"model": str(tmp_path / "model"), "map": str(tmp_path / "map")}


@pytest.mark.parametrize("name", ["bringup.launch.py", "replay.launch.py"])
def test_every_argument_is_described(name: str) -> None:
    declared = {each.name: each for each in entities(name) if isinstance(each, DeclareLaunchArgument)}
    assert set(declared) >= BRINGUP | TOPICS
    assert all(each.description and each.description != "no description given" for each in declared.values())


def test_bringup_starts_the_table(choices: dict[str, str]) -> None:
    started = nodes("bringup.launch.py", **choices)
    names = [(each.node_package, each.node_executable) for each in started]
    assert names == [("geoloc", "camera_node"), ("geoloc", "inference_node"), ("geoloc", "retrieval_node")]


def test_every_topic_has_an_argument_and_a_remapping_of_the_users_wins(choices: dict[str, str]) -> None:
    context = LaunchContext()
    SetRemap("altitude", "/mine").visit(context)
    given = {"imu_topic": "/mavros/imu/data", "altitude_topic": "/rel_alt", "tf_topic": "/uav1/tf"}
    camera = nodes("bringup.launch.py", context, **given, **choices)[0]
    camera._perform_substitutions(context)
    rules = camera.expanded_remapping_rules
    assert rules[0] == ("altitude", "/mine")  # rcl takes the first rule that fits
    assert dict(reversed(rules)) == {
        "altitude": "/mine",
        "imu": "/mavros/imu/data",
        "/tf": "/uav1/tf",
        "/tf_static": "/uav1/tf_static",
    }


def test_a_name_that_is_no_topic_is_refused(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="imu_topic is 'my imu', which is no topic name"):
        nodes("bringup.launch.py", imu_topic="my imu", **choices)


def test_a_replay_scores_and_plays_as_well(choices: dict[str, str]) -> None:
    started = nodes("replay.launch.py", bag="flight.mcap", **choices)
    assert [each.node_executable for each in started][-2:] == ["evaluation_node", "replay_node"]


def test_a_rate_that_is_no_number_is_refused(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="rate is 'fast'"):
        nodes("replay.launch.py", bag="flight.mcap", rate="fast", **choices)


def test_debug_is_for_the_nodes_logger_also_under_a_pushed_namespace(choices: dict[str, str]) -> None:
    started = nodes("bringup.launch.py", log_level="debug", ros_namespace="/uav1", **choices)
    words = [part.text for part in started[0].cmd for part in part if hasattr(part, "text")]
    assert "uav1.geoloc.camera_node:=debug" in words


def test_no_map_is_said_before_anything_starts(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="no map is given"):
        nodes("bringup.launch.py", model=choices["model"])


@pytest.mark.parametrize(("text", "value"), [("True", True), ("true", True), ("1", True), ("FALSE", False)])
def test_yes_and_no_are_written_as_for_nav2(text: str, value: bool, choices: dict[str, str]) -> None:
    context = context_of(use_sim_time=text, **choices)
    for entity in entities("bringup.launch.py"):
        if isinstance(entity, DeclareLaunchArgument):
            entity.visit(context)
    assert bringup_choices(context).use_sim_time is value


def test_neither_yes_nor_no_is_refused(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="respawn is 'maybe'; write respawn:=true or respawn:=false"):
        nodes("bringup.launch.py", respawn="maybe", **choices)


def test_a_map_without_a_manifest_and_a_lost_section_are_refused(
    choices: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(ParameterError, match=r"has no map\.yaml"):
        nodes("bringup.launch.py", **choices | {"map": str(tmp_path)})
    file = tmp_path / "plain.yaml"
    file.write_text("/camera_node: {ros__parameters: {max_tilt_deg: 33.0}}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="camera_node runs as /geoloc/camera_node"):
        nodes("bringup.launch.py", params_file=str(file), **choices)


def test_a_namespace_that_is_pushed_counts(choices: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "uav1.yaml"
    file.write_text("/uav1/geoloc/camera_node: {ros__parameters: {max_tilt_deg: 33.0}}\n", encoding="utf-8")
    assert nodes("bringup.launch.py", params_file=str(file), ros_namespace="/uav1", **choices)


def launched(*codes: str, respawn: bool = False) -> int:
    """Launch one program for each Python code as node_action would, and return the code of the launch."""
    service = LaunchService(noninteractive=True)
    programs = [
        ExecuteProcess(
            cmd=[sys.executable, "-S", "-c", code],
            respawn=respawn,
            respawn_delay=0.01,
            on_exit=partial(when_it_ends, "camera_node", respawn=respawn),
        )
        for code in codes
    ]
    service.include_launch_description(LaunchDescription(programs))
    return int(service.run())


def test_a_launch_fails_with_its_first_node() -> None:
    assert launched("raise SystemExit(7)", "import time; time.sleep(30)") == 1


def test_a_launch_ends_well_with_a_node_that_ended_well() -> None:
    assert launched("", "import time; time.sleep(30)") == 0  # the other one is stopped, by SIGINT


def test_a_mistake_is_not_started_again(tmp_path: Path) -> None:
    log = tmp_path / "starts"
    code = (
        f"import os; log = open({str(log)!r}, 'a+'); log.write('x'); log.seek(0); starts = len(log.read())\n"
        "if starts > 3: os.kill(os.getppid(), 2)  # the launch must not go on for ever\n"
        f"raise SystemExit(7 if starts == 1 else {USER_MISTAKE})"
    )
    assert launched(code, respawn=True) == 1
    assert log.read_text() == "xx"  # crashed, started again, ended by a mistake
