# SPDX-License-Identifier: Apache-2.0
"""`geoloc demo`: runs all steps, from map to report, on a procedural world."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model, option
from geoloc_lab.nodes.settings import ReplayNodeSettings

_HELP = """Localize a simulated drone without GNSS and report the errors in metres; needs no data.

Renders a procedural town at two dates, builds a map of the first date and flies a camera over the second.
Replays the flight into the real ROS 2 nodes and writes a report. World and flight are kept for the next run.

Examples:

  geoloc demo

  geoloc demo --seed 8 --duration-s 180 --rate 2
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc demo`."""
    app.command("demo", help=_HELP)(demo)


def demo(
    out: Annotated[Path, typer.Option(help="Folder for world, map, bag and report.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the world and the flight.")] = 7,
    duration_s: Annotated[
        float, typer.Option(help="Duration of the flight, seconds.", min=5.0, max=1800.0)
    ] = 90.0,
    rate: Annotated[float, option(ReplayNodeSettings, "rate", min=0.1, max=10.0)] = ReplayNodeSettings.rate,
    model: Model = "",
) -> None:
    """Render a world, build its map, simulate a flight, and report the errors."""
    from geoloc.installed import default_model
    from geoloc_lab.demo import Demo, run_demo

    chosen = Demo(out, model or default_model(), seed, duration_s, rate)
    run_demo(chosen, typer.echo)
    typer.echo(f"\nto repeat it without ROS: {chosen.evaluation()}")
