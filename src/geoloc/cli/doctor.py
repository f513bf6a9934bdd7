# SPDX-License-Identifier: Apache-2.0
"""`geoloc doctor`: checks an installation and prints a report for bug reports."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model
from geoloc.nodes.startup.programs import BringUp


def register(app: typer.Typer) -> None:
    """Add `geoloc doctor`."""
    app.command("doctor")(doctor)


def doctor(
    map_folder: Annotated[
        Path | None,
        typer.Option(
            "--map", help="Map directory to verify, and to localize a synthetic frame on.", show_default=False
        ),
    ] = None,
    model: Model = "",
    params_file: Annotated[
        list[Path] | None,
        typer.Option(help="ROS parameter file to check; may be repeated.", show_default=False),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(help="Namespace of the nodes that --params-file is for, as for `geoloc up`."),
    ] = BringUp.namespace,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Check the installation, models, a map and parameter files; print a report for a bug report.

    Each line is OK, a note, or a PROBLEM with its remedy. Nothing is sent. The report names no user,
    no folder outside the project, and no environment variable except those of ROS 2 and DDS. The exit code
    is 1 if there is a problem.

    Examples:
      geoloc doctor

      geoloc doctor --map my_map --params-file drone.yaml > report.txt
    """
    from geoloc.doctor import report
    from geoloc.doctor.examine import examine

    sections = list(examine(map_folder, model, tuple(params_file or ()), namespace))
    typer.echo(report.as_json(sections) if as_json else report.as_text(sections))
    if report.problems(sections):
        raise typer.Exit(1)
