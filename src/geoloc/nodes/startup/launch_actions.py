# SPDX-License-Identifier: Apache-2.0
"""Flight nodes as ROS 2 launch actions; only launch files import this module."""

from functools import partial
from pathlib import Path

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from geoloc.errors import ParameterError
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.nodes.startup.processes import NodeError
from geoloc.nodes.startup.programs import (
    LOG_LEVELS,
    RESPAWN_DELAY_S,
    USER_MISTAKE,
    BringUp,
    NodeStart,
    bring_up,
)
from geoloc.settings import settings_of

_YES_OR_NO = {"true": True, "1": True, "false": False, "0": False}


def bringup_arguments(*, use_sim_time: bool = False) -> list[DeclareLaunchArgument]:
    """Declare the launch arguments of bringup, each with the description that `--show-args` prints.

    Args:
        use_sim_time: default of the argument use_sim_time.
    """
    return [
        DeclareLaunchArgument(
            "namespace",
            default_value=BringUp.namespace,
            description="Prefix of every node and relative topic.",
        ),
        DeclareLaunchArgument(
            "params_file",
            default_value="",
            description="Your ROS parameter file; overrides the shipped file, the model's and the map's.",
        ),
        DeclareLaunchArgument(
            "model",
            default_value="",
            description="Model directory, or the id of a shipped model. If empty, the model in params_file, "
            "or else the shipped model.",
        ),
        DeclareLaunchArgument(
            "map",
            default_value="",
            description="Map directory, built by `geoloc map build`. If empty, the map in params_file.",
        ),
        *_topic_arguments(),
        DeclareLaunchArgument(
            "use_sim_time",
            default_value=str(use_sim_time).lower(),
            description="Take time from /clock, for replay and simulation: true or false.",
        ),
        DeclareLaunchArgument(
            "log_level",
            default_value=BringUp.log_level,
            choices=list(LOG_LEVELS),
            description="Lowest severity of the messages that are logged; debug adds what each node decides.",
        ),
        DeclareLaunchArgument(
            "respawn",
            default_value="false",
            description=f"Restart a node {RESPAWN_DELAY_S:g} s after it ended: true or false. If false, or "
            "if a restart would not help, the launch ends with the node.",
        ),
    ]


def _topic_arguments() -> list[DeclareLaunchArgument]:
    """Declare a launch argument for the name of each topic that the nodes read."""
    return [
        DeclareLaunchArgument(
            name,
            default_value=declared.default,
            description=f"{declared.text[0].upper()}{declared.text[1:]}. A name without a slash in front is "
            "relative to the namespace.",
        )
        for name, declared in settings_of(InputTopics).items()
    ]


def bringup_choices(context: LaunchContext) -> BringUp:
    """Read the pilot's choices from the launch arguments.

    Raises:
        ParameterError: see `BringUp`.
    """
    file = argument(context, "params_file")
    return BringUp(
        namespace=argument(context, "namespace"),
        pushed_namespace=str(context.launch_configurations.get("ros_namespace", "")),
        params_file=(Path(file).expanduser(),) if file else (),
        model=argument(context, "model"),
        map=argument(context, "map"),
        topics=InputTopics(**{name: argument(context, name) for name in settings_of(InputTopics)}),
        use_sim_time=_is_yes(context, "use_sim_time"),
        log_level=argument(context, "log_level"),
    )


def bringup_actions(context: LaunchContext) -> list[Node]:
    """Return one action for each flight node.

    Raises:
        GeolocError: if the model, the map or a parameter file is missing; launch prints the sentence.
    """
    respawn = _is_yes(context, "respawn")
    return [node_action(node, respawn=respawn) for node in bring_up(bringup_choices(context))]


def node_action(node: NodeStart, *, respawn: bool = False) -> Node:
    """Return the action that starts a node; the launch ends when the node ends and is not restarted."""
    own = {name: ParameterValue(value, value_type=type(value)) for name, value in node.parameters.items()}
    return Node(
        package="geoloc",
        executable=node.entry.name,
        name=node.entry.name,
        namespace=node.namespace,
        parameters=[*(str(file) for file in node.parameter_files), own],
        remappings=list(node.remappings),
        ros_arguments=["--log-level", node.log_option],
        output="screen",
        respawn=respawn,
        respawn_delay=RESPAWN_DELAY_S,
        sigterm_timeout=str(node.entry.patience_s),
        on_exit=partial(when_it_ends, node.entry.name, respawn=respawn),
    )


def argument(context: LaunchContext, name: str) -> str:
    """Return the value of a launch argument."""
    return str(LaunchConfiguration(name).perform(context))


def _is_yes(context: LaunchContext, name: str) -> bool:
    """Read true or false as Nav2 and launch write them: True, true, 1.

    Raises:
        ParameterError: if the argument is neither.
    """
    text = argument(context, name)
    if text.lower() not in _YES_OR_NO:
        raise ParameterError(f"{name} is '{text}'; write {name}:=true or {name}:=false.")
    return _YES_OR_NO[text.lower()]


def when_it_ends(name: str, event: ProcessExited, context: LaunchContext, *, respawn: bool) -> list[Shutdown]:
    """End the launch with the node of this name: with code 0 if the node ended well, else with code 1.

    Raises:
        NodeError: if the node failed. Launch then logs the sentence, shuts down and returns 1; no action of
            launch sets the code.
    """
    if context.is_shutdown or (respawn and event.returncode != USER_MISTAKE):
        return []
    if event.returncode == 0:
        return [Shutdown(reason=f"{name} ended")]
    raise NodeError(f"{name} ended with code {event.returncode}; see its own message above.")
