# SPDX-License-Identifier: Apache-2.0
"""Launch the flight nodes, which turn camera frames into GeoPoints.

ros2 launch geoloc bringup.launch.py map:=my_map image_topic:=/camera/image_raw
"""

from launch import LaunchDescription
from launch.actions import OpaqueFunction

from geoloc.nodes.startup.launch_actions import bringup_actions, bringup_arguments


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*bringup_arguments(), OpaqueFunction(function=bringup_actions)])
