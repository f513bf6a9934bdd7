# SPDX-License-Identifier: Apache-2.0
"""`geoloc replay`: plays a recorded flight onto the topics, where `ros2 bag play` is not installed."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands to `geoloc`."""
    app.command("replay")(replay)


def replay(
    bag: Annotated[Path, typer.Argument(help="rosbag2 folder, .mcap or .db3 file.")],
    rename: Annotated[
        list[str] | None,
        typer.Argument(help="Renames, /recorded:=played, where types are ambiguous."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0.01, max=100.0, help="Playback rate: seconds of flight per second.")
    ] = 1.0,
    start: Annotated[float, typer.Option(min=0.0, help="Start this many seconds into the bag.")] = 0.0,
    namespace: Annotated[str, typer.Option(help="Prefix of the topics, as for `geoloc up`.")] = "geoloc",
    keep_names: Annotated[
        bool, typer.Option("--keep-names", help="Play every topic under its recorded name.")
    ] = False,
    wait: Annotated[
        float, typer.Option(min=0.0, help="Longest wait for the nodes to subscribe, seconds.")
    ] = 30.0,
    report: Annotated[bool, typer.Option(help="Request the report of evaluation_node at the end.")] = True,
) -> None:
    """Play a recorded flight onto the topics that the nodes subscribe to, with /clock.

    Start the nodes first, with their time from /clock: `geoloc up --map my_map --use-sim-time`. Playback
    begins once they have subscribed. Topics are found by their types: Image or CompressedImage, CameraInfo,
    Imu, Range (height above ground), Odometry, and a NavSatFix as the truth.

    Examples:
        geoloc replay flight
        geoloc replay flight.mcap --rate 0.5 --start 30
        geoloc replay flight /cam_down/image_raw:=image /rtk/fix:=truth
    """
    from geoloc.installed import require_ros

    require_ros()
    from geoloc_lab.nodes.replay_node import replay as play
    from geoloc_lab.nodes.settings import ReplayParameters

    parameters = ReplayParameters(
        bag=str(bag),
        rate=rate,
        start_s=start,
        rename=",".join(rename or ()),
        keep_names=keep_names,
        wait_s=wait,
        report=report,
    )
    play(parameters, namespace)
