# SPDX-License-Identifier: Apache-2.0
"""The launch files, if the launch system is installed: descriptions of arguments, and nodes to start."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="the ROS 2 launch system is not installed here")

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch_ros.actions import Node

from geoloc.errors import ParameterError
from geoloc.nodes.startup.launch_actions import LogOption

LAUNCH = Path(__file__).resolve().parents[1] / "launch"
BRINGUP = {"namespace", "params_file", "model", "map", "image_topic", "use_sim_time", "log_level", "respawn"}


def entities(name: str) -> list[Any]:
    specification = importlib.util.spec_from_file_location(name.replace(".", "_"), LAUNCH / name)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return list(module.generate_launch_description().entities)


def nodes(name: str, **arguments: str) -> list[Node]:
    """Return the nodes that a launch file would start with these arguments."""
    context = LaunchContext()
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
    assert set(declared) >= BRINGUP
    assert all(each.description and each.description != "no description given" for each in declared.values())


def test_bringup_starts_the_table(choices: dict[str, str]) -> None:
    started = nodes("bringup.launch.py", **choices)
    names = [(each.node_package, each.node_executable) for each in started]
    assert names == [("geoloc", "camera_node"), ("geoloc", "inference_node"), ("geoloc", "retrieval_node")]


def test_a_replay_scores_and_plays_as_well(choices: dict[str, str]) -> None:
    started = nodes("replay.launch.py", bag="flight.mcap", **choices)
    assert [each.node_executable for each in started][-2:] == ["evaluation_node", "replay_node"]


def test_a_rate_that_is_no_number_is_refused(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="rate is 'fast'"):
        nodes("replay.launch.py", bag="flight.mcap", rate="fast", **choices)


def test_debug_is_for_the_nodes_logger_also_under_a_pushed_namespace(choices: dict[str, str]) -> None:
    started = nodes("bringup.launch.py", log_level="debug", **choices)
    context = LaunchContext()
    context.launch_configurations["ros_namespace"] = "/uav1"
    options = [
        part.perform(context)
        for each in started
        for word in each.cmd
        for part in word
        if isinstance(part, LogOption)
    ]
    names = ("camera_node", "inference_node", "retrieval_node")
    assert options == [f"uav1.geoloc.{name}:=debug" for name in names]


def test_no_map_is_said_before_anything_starts(choices: dict[str, str]) -> None:
    with pytest.raises(ParameterError, match="no map is given"):
        nodes("bringup.launch.py", model=choices["model"])
