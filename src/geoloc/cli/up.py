# SPDX-License-Identifier: Apache-2.0
"""`geoloc up`: starts the nodes without the ROS 2 launch system."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model, option
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.nodes.startup.programs import BringUp


def register(app: typer.Typer) -> None:
    """Add `geoloc up`."""
    app.command("up")(up)


def up(
    map_folder: Annotated[str, typer.Option("--map", help="Map directory, from `geoloc map build`.")] = "",
    model: Model = "",
    params_file: Annotated[
        list[Path] | None,
        typer.Option(help="ROS parameter file that overrides the shipped ones; may be repeated."),
    ] = None,
    namespace: Annotated[str, typer.Option(help="Prefix of every node and topic.")] = BringUp.namespace,
    image_topic: Annotated[str, option(InputTopics, "image_topic")] = InputTopics.image_topic,
    camera_info_topic: Annotated[
        str, option(InputTopics, "camera_info_topic")
    ] = InputTopics.camera_info_topic,
    imu_topic: Annotated[str, option(InputTopics, "imu_topic")] = InputTopics.imu_topic,
    altitude_topic: Annotated[str, option(InputTopics, "altitude_topic")] = InputTopics.altitude_topic,
    odom_topic: Annotated[str, option(InputTopics, "odom_topic")] = InputTopics.odom_topic,
    initial_fix_topic: Annotated[
        str, option(InputTopics, "initial_fix_topic")
    ] = InputTopics.initial_fix_topic,
    tf_topic: Annotated[str, option(InputTopics, "tf_topic")] = InputTopics.tf_topic,
    use_sim_time: Annotated[bool, typer.Option("--use-sim-time", help="Take time from /clock.")] = False,
    log_level: Annotated[
        str, typer.Option(help="Log level: debug (adds what each node decides), info, warn, error or fatal.")
    ] = BringUp.log_level,
    respawn: Annotated[bool, typer.Option("--respawn", help="Restart a node that crashes.")] = False,
) -> None:
    """Start camera_node, inference_node and retrieval_node; Ctrl-C stops them.

    Starts the same nodes, in the same way, as `ros2 launch geoloc bringup.launch.py`.

    Examples:
        geoloc up --map my_map
        geoloc up --map my_map --image-topic /camera/image_raw --params-file drone.yaml --respawn
        geoloc up --map my_map --imu-topic /mavros/imu/data --odom-topic /mavros/local_position/odom
    """
    from geoloc.installed import require_ros
    from geoloc.nodes.startup.processes import running
    from geoloc.nodes.startup.programs import bring_up

    require_ros()
    choices = BringUp(
        namespace=namespace,
        params_file=tuple(params_file or ()),
        model=model,
        map=map_folder,
        topics=InputTopics(
            image_topic=image_topic,
            camera_info_topic=camera_info_topic,
            imu_topic=imu_topic,
            altitude_topic=altitude_topic,
            odom_topic=odom_topic,
            initial_fix_topic=initial_fix_topic,
            tf_topic=tf_topic,
        ),
        use_sim_time=use_sim_time,
        log_level=log_level,
    )
    try:
        with running(bring_up(choices)) as processes:
            processes.wait(respawn=respawn)
    except KeyboardInterrupt:
        return
