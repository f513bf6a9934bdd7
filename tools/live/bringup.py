#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Start the nodes by launch/bringup.launch.py, as `ros2 launch` does; needs a ROS 2 with launch.

python3 tools/live/bringup.py map:=runs/live/map namespace:=uav1
"""

import sys
from pathlib import Path

from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

_BRINGUP = Path(__file__).resolve().parents[2] / "launch/bringup.launch.py"


def main() -> None:
    """Launch until SIGINT, and end with the code of the launch."""
    arguments = [word.split(":=", 1) for word in sys.argv[1:]]
    service = LaunchService(noninteractive=True)
    source = PythonLaunchDescriptionSource(str(_BRINGUP))
    included = IncludeLaunchDescription(source, launch_arguments=arguments)
    service.include_launch_description(LaunchDescription([included]))
    sys.exit(service.run())


if __name__ == "__main__":
    main()
