# SPDX-License-Identifier: Apache-2.0
"""Replay a recorded flight through the flight nodes, and write a report at its end.

ros2 launch geoloc replay.launch.py bag:=flight.mcap map:=my_map
"""

from launch import LaunchDescription
from launch.actions import OpaqueFunction

from geoloc.nodes.startup.launch_actions import bringup_arguments
from geoloc_lab.nodes.launch_actions import replay_actions, replay_arguments


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            *replay_arguments(),
            *bringup_arguments(use_sim_time=True),
            OpaqueFunction(function=replay_actions),
        ]
    )
