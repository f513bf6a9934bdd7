# SPDX-License-Identifier: Apache-2.0
"""`geoloc simulate scenarios`: hard flights in simulation, held against targets."""

import os
from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model

HELP = """Fly the scenarios, each hard in one way, and hold what comes of them against targets: one table.

They are flown over the procedural world, map and camera at two dates, and with --data over Massachusetts
imagery, whose camera side is another season through another sensor. No prior position is given. Without
--only the real flights in --data (see `geoloc flight`) get a row each, too.

Imagery, maps, bags and reports land in --out; what is there already is not made again, so an interrupted run
goes on where it stopped. Each scenario has a report.html; scenarios.md, .json and .png show them all.

Examples:

  geoloc simulate scenarios --data ../data

  geoloc simulate scenarios --only kidnap --only dropout

  geoloc simulate scenarios --list
"""


def scenarios(
    out: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("scenarios"),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with massachusetts_ortho/ and other imagery.", show_default=False),
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="A scenario's name; may be repeated.")] = None,
    jobs: Annotated[int, typer.Option(help="Flights at a time; 0 takes a core each.")] = 0,
    model: Model = "",
    again: Annotated[bool, typer.Option("--again", help="Localize again what is reported already.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say what the scenarios are, and stop.")] = False,
) -> None:
    """Fly scenarios and print their table."""
    from geoloc.installed import find_model
    from geoloc_lab.scenarios.definitions import chosen

    scenarios = tuple(chosen(only or []))
    if list_:
        for scenario in scenarios:
            typer.echo(f"{scenario.name:<14}  {scenario.shows}")
        return
    from geoloc_lab.scenarios.suite import Suite, run_suite, summary

    cores = os.cpu_count() or 1
    folder = find_model(model)
    suite = Suite(scenarios, out, folder, data, jobs or cores, again, real_flights=not only)
    try:
        results = run_suite(suite, typer.echo)
    except KeyboardInterrupt:
        typer.echo(f"stopped: the same command goes on from here; {out} keeps what is done.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"\n{summary(results)}\n\ntable, picture and figures: {out / 'scenarios.md'}, .png, .json")
