# SPDX-License-Identifier: Apache-2.0
"""`geoloc replay`: plays a recorded flight where `ros2 bag play` is not installed."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import option
from geoloc_lab.nodes.settings import ReplayNodeSettings


def register(app: typer.Typer) -> None:
    """Add this module's commands to `geoloc`."""
    app.command("replay")(replay)


def replay(
    bag: Annotated[Path, typer.Argument(help="Bag: rosbag2 folder, .mcap or .db3 file.")],
    rename: Annotated[
        list[str] | None,
        typer.Argument(help="Renames of topics, /recorded:=played, if types are ambiguous."),
    ] = None,
    rate: Annotated[float, option(ReplayNodeSettings, "rate")] = ReplayNodeSettings.rate,
    start: Annotated[float, option(ReplayNodeSettings, "start_s")] = ReplayNodeSettings.start_s,
    namespace: Annotated[str, typer.Option(help="Prefix of the topics, as for `geoloc up`.")] = "geoloc",
    keep_names: Annotated[
        bool, option(ReplayNodeSettings, "keep_names", "--keep-names")
    ] = ReplayNodeSettings.keep_names,
    wait: Annotated[float, option(ReplayNodeSettings, "wait_s")] = ReplayNodeSettings.wait_s,
    report: Annotated[bool, option(ReplayNodeSettings, "report")] = ReplayNodeSettings.report,
) -> None:
    """Play a recorded flight onto the topics that the nodes subscribe to, and publish /clock.

    Start the nodes first, and let them take their time from /clock: `geoloc up --map my_map --use-sim-time`.
    Playback begins once they have subscribed. Topics are found by their types: Image or CompressedImage,
    CameraInfo, Imu, Range or mavros_msgs/Altitude, Odometry, and NavSatFix (truth).

    Examples:
        geoloc replay flight
        geoloc replay flight.mcap --rate 0.5 --start 30
        geoloc replay flight /cam_down/image_raw:=image /rtk/fix:=truth
    """
    from geoloc.installed import require_ros

    require_ros()
    from geoloc_lab.nodes.replay_node import replay as play

    settings = ReplayNodeSettings(
        bag=str(bag),
        rate=rate,
        start_s=start,
        rename=",".join(rename or ()),
        keep_names=keep_names,
        wait_s=wait,
        report=report,
    )
    play(settings, namespace)
