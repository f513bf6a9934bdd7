# SPDX-License-Identifier: Apache-2.0
"""`geoloc compare`: compares reports of one flight."""

from pathlib import Path
from typing import Annotated

import typer

_HELP = """Compare reports of the same flight, such as those of two models or two settings.

Frames are paired by their stamps. Every difference has a 95 % interval; a star marks differences whose
interval excludes 0. Writes compare.html (one self-contained page), compare.png and compare.json into --out.

Examples:

  geoloc compare runs/alone runs/filtered

  geoloc compare runs/a runs/b runs/c --out runs/comparison
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc compare`."""
    app.command("compare", help=_HELP)(compare)


def compare(
    reports: Annotated[
        list[Path],
        typer.Argument(help="Report folders or their report.json; each is compared with the first."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for page, plot and figures.")] = Path("runs/comparison"),
) -> None:
    """Compare reports of one flight."""
    from geoloc_lab.reports import comparison as comparing
    from geoloc_lab.reports.comparison import write_comparison
    from geoloc_lab.reports.text import aligned
    from geoloc_lab.reports.written_report import read_report

    comparison = comparing.compare([read_report(path) for path in reports])
    page = write_comparison(comparison, out)
    table = aligned([(label, cells) for label, *cells in comparing.comparison_table(comparison)])
    typer.echo(f"{comparison.frames} frames that all reports have; *: the 95 % interval excludes 0\n")
    typer.echo(f"{table}\n\ncomparison: {page}")
