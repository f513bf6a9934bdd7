# SPDX-License-Identifier: Apache-2.0
"""`geoloc demo`: the whole suite on a world drawn on the spot."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model

_HELP = """See the main job done, with nothing to bring: a drone without GNSS localized on a map, in metres.

Draws a town and its fields at two dates, builds a map of the first, flies a camera over the second, replays
the flight into the real ROS 2 nodes and writes a report. What is there already is not made again.

Examples:

  geoloc demo

  geoloc demo --seed 8 --duration-s 180 --rate 2
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc demo`."""
    app.command("demo", help=_HELP)(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for world, map, bag and report.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Of the world and the flight.")] = 7,
    duration_s: Annotated[float, typer.Option(help="Length of the flight.", min=5.0, max=1800.0)] = 90.0,
    rate: Annotated[float, typer.Option(help="Seconds of flight in a second.", min=0.1, max=10.0)] = 1.0,
    model: Model = "",
) -> None:
    """Draw, build, fly, report."""
    from geoloc.installed import default_model
    from geoloc_lab.demo import Demo, run_demo

    told = Demo(out, model or default_model(), seed, duration_s, rate)
    run_demo(told, typer.echo)
    typer.echo(f"\nthe same without ROS: {told.evaluation()}")
