# SPDX-License-Identifier: Apache-2.0
"""Launch actions of ROS 2 for a replay with its report; only launch files import this module."""

from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch_ros.actions import Node

from geoloc.errors import ParameterError
from geoloc.nodes.startup.launch_actions import argument, bringup_actions, bringup_choices, node_action
from geoloc.nodes.startup.programs import start
from geoloc_lab.nodes.programs import EVALUATION_NODE, REPLAY_NODE


def replay_arguments() -> list[DeclareLaunchArgument]:
    """Declare the launch arguments that a replay adds to those of bringup."""
    return [
        DeclareLaunchArgument("bag", description="Bag: rosbag2 folder, .mcap or .db3 file."),
        DeclareLaunchArgument(
            "rate", default_value="1.0", description="Playback rate: seconds of flight per second."
        ),
        DeclareLaunchArgument(
            "start_s", default_value="0.0", description="Start of the playback, seconds into the bag."
        ),
        DeclareLaunchArgument(
            "rename",
            default_value="",
            description="Renames, recorded to played topic: /cam/image:=image,/gps:=truth.",
        ),
        DeclareLaunchArgument("out", default_value="runs/replay", description="Folder of the report."),
    ]


def replay_actions(context: LaunchContext) -> list[Node]:
    """Return the actions of bringup, evaluation_node and replay_node; the launch ends with replay_node.

    Raises:
        GeolocError: see `bringup_actions`.
        ParameterError: if the rate or the start is not a number.
    """
    choices = bringup_choices(context)
    played: dict[str, str | bool | float] = {
        "bag": str(Path(argument(context, "bag")).expanduser().absolute()),
        "rate": _number(context, "rate"),
        "start_s": _number(context, "start_s"),
        "rename": argument(context, "rename"),
        "use_sim_time": False,  # it publishes /clock
        "await_evaluation": True,
    }
    out = str(Path(argument(context, "out")).expanduser().absolute())
    evaluation = node_action(start(EVALUATION_NODE, choices, {"out": out}))
    return [*bringup_actions(context), evaluation, node_action(start(REPLAY_NODE, choices, played))]


def _number(context: LaunchContext, name: str) -> float:
    text = argument(context, name)
    try:
        return float(text)
    except ValueError as error:
        raise ParameterError(f"{name} is '{text}'; give a number.") from error
