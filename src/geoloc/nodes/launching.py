# SPDX-License-Identifier: Apache-2.0
"""The table of nodes as ROS 2 launch actions; launch files alone import this."""

from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from geoloc.errors import ParameterError
from geoloc.nodes.table import (
    IMAGE,
    LOG_LEVELS,
    RESPAWN_DELAY_S,
    BringUp,
    NodeStart,
    bring_up,
    named,
    start,
)

YES_OR_NO = ["true", "false"]


def bringup_arguments(*, use_sim_time: bool = False) -> list[DeclareLaunchArgument]:
    """Declare the launch arguments of bringup, each with what `--show-args` says of it.

    Args:
        use_sim_time: the default of the argument of that name.
    """
    return [
        DeclareLaunchArgument(
            "namespace", default_value="geoloc", description="Prefix of every node and relative topic."
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value="",
            description="ROS parameter file of yours; wins over the shipped one, the model's and the map's.",
        ),
        DeclareLaunchArgument(
            "model",
            default_value="",
            description="Model directory, or the id of a shipped model. Empty: what params_file says or, "
            "without one, the model that ships.",
        ),
        DeclareLaunchArgument(
            "map",
            default_value="",
            description="Map directory, made by `geoloc map build`. Empty: what params_file says.",
        ),
        DeclareLaunchArgument(
            "image_topic",
            default_value=IMAGE,
            description="The camera's image topic, relative to the namespace unless it begins with a slash; "
            "IMAGE/compressed and the camera_info beside it are read as well.",
        ),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value=str(use_sim_time).lower(),
            choices=YES_OR_NO,
            description="Take time from /clock: for replay and simulation.",
        ),
        DeclareLaunchArgument(
            "log_level", default_value="info", choices=list(LOG_LEVELS), description="How much the nodes say."
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="false",
            choices=YES_OR_NO,
            description=f"Start a node that ended again after {RESPAWN_DELAY_S:g} s. Otherwise the first "
            "node to end ends the launch.",
        ),
    ]


def bringup_choices(context: LaunchContext) -> BringUp:
    """Read what the pilot chose from the launch arguments.

    Raises:
        ParameterError: for a value that the node table refuses.
    """
    file = _value(context, "params_file")
    return BringUp(
        namespace=_value(context, "namespace"),
        params_file=(Path(file).expanduser(),) if file else (),
        model=_value(context, "model"),
        map=_value(context, "map"),
        image_topic=_value(context, "image_topic"),
        use_sim_time=_value(context, "use_sim_time") == "true",
        log_level=_value(context, "log_level"),
    )


def bringup_actions(context: LaunchContext) -> list[Node]:
    """Return one action for each node that flies.

    Raises:
        GeolocError: where the model, the map or a parameter file is missing; launch prints its sentence.
    """
    respawn = _value(context, "respawn") == "true"
    return [node_action(node, respawn=respawn) for node in bring_up(bringup_choices(context))]


def replay_arguments() -> list[DeclareLaunchArgument]:
    """Declare what a replay takes over and above bringup."""
    return [
        DeclareLaunchArgument("bag", description="rosbag2 folder, .mcap or .db3 file."),
        DeclareLaunchArgument("rate", default_value="1.0", description="Seconds of flight in a second."),
        DeclareLaunchArgument("start_s", default_value="0.0", description="Begin this far into the bag."),
        DeclareLaunchArgument(
            "rename",
            default_value="",
            description="Recorded topics by the names that the nodes read: /cam/image:=image,/gps:=truth",
        ),
        DeclareLaunchArgument("out", default_value="runs/replay", description="Folder of the report."),
    ]


def replay_actions(context: LaunchContext) -> list[Node]:
    """Return an action for each node that flies, for the one that keeps the score, for the one that plays.

    The replay's end is the end of the launch.

    Raises:
        GeolocError: as `bringup_actions`; ParameterError for a rate or a start that is no number.
    """
    choices = bringup_choices(context)
    played: dict[str, str | bool | float] = {
        "bag": str(Path(_value(context, "bag")).expanduser().absolute()),
        "rate": _number(context, "rate"),
        "start_s": _number(context, "start_s"),
        "rename": _value(context, "rename"),
        "use_sim_time": False,  # it makes /clock
        "await_evaluation": True,
    }
    out = str(Path(_value(context, "out")).expanduser().absolute())
    evaluation = node_action(start(named("evaluation_node"), choices, {"out": out}))
    return [*bringup_actions(context), evaluation, node_action(start(named("replay_node"), choices, played))]


def node_action(node: NodeStart, *, respawn: bool = False) -> Node:
    """Return the action that starts a node; without `respawn` its end is the end of the launch."""
    own = {name: ParameterValue(value, value_type=type(value)) for name, value in node.parameters.items()}
    return Node(
        package="geoloc",
        executable=node.entry.name,
        name=node.entry.name,
        namespace=node.namespace,
        parameters=[*(str(file) for file in node.parameter_files), own],
        remappings=list(node.remappings),
        ros_arguments=["--log-level", node.log_level],
        output="screen",
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        sigterm_timeout=str(node.entry.patience_s),
        on_exit=None if respawn else [Shutdown(reason=f"{node.entry.name} ended")],
    )


def _number(context: LaunchContext, name: str) -> float:
    text = _value(context, name)
    try:
        return float(text)
    except ValueError as error:
        raise ParameterError(f"{name} is '{text}': give a number") from error


def _value(context: LaunchContext, name: str) -> str:
    return str(LaunchConfiguration(name).perform(context))
