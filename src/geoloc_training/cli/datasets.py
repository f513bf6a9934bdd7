# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train datasets …`: lists data sets, checks one, and makes a small one for trials."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from geoloc_training.datasets.data_config import MAP
from geoloc_training.datasets.imagery.images import survey_images
from geoloc_training.datasets.published.registry import (
    DATA_SETS,
    benchmark_sizes,
    check_dataset,
    data_set,
    load_benchmark,
)

app = typer.Typer(help="List data sets, check one, or make a small one.", no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(help="Name of a data set in `geoloc-train datasets list`.", show_default=False),
]
ScaleM = Annotated[
    float | None,
    typer.Option(help="Metres per pixel of orthophotos without georeference.", min=0.0, show_default=False),
]
_DEFAULT_PLACES = 12
_IMAGERY = "Your own imagery"


@app.command("list")
def list_command() -> None:
    """List every data set by name."""
    for name, known in DATA_SETS.items():
        typer.echo(f"{name:<12}  {known.title:<24}  {' in '.join(known.views)}")
    typer.echo(f"{MAP:<12}  {_IMAGERY:<24}  views rendered from georeferenced images")


@app.command("check")
def check_command(
    name: Name,
    root: Annotated[Path, typer.Argument(help="Folder of the unpacked data set.", show_default=False)],
    gsd_m: ScaleM = None,
) -> None:
    """Check a data set: report missing or malformed files, or else its size.

    geoloc-train datasets check u1652 ~/data/University-Release

    geoloc-train datasets check map ~/data/my_orthophotos --gsd-m 0.2
    """
    if name == MAP:
        survey = survey_images(root.expanduser(), gsd_m or 0.0)
        _refuse(survey.findings, _IMAGERY, root)
        counts = _counted(survey.pictures, "image"), _counted(survey.places, "place")
        typer.echo(f"{_IMAGERY} in {root} is in order: {' of '.join(counts)}.")
        return
    _refuse(check_dataset(name, root), data_set(name).title, root)
    typer.echo(_table(name, root))


@app.command("make")
def make_command(
    name: Name,
    out: Annotated[
        Path, typer.Argument(help="Folder to write; it must be new or empty.", show_default=False)
    ],
    imagery: Annotated[
        Path | None,
        typer.Option(
            help="Folder with dated imagery or orthophotos. Default: the procedural world.",
            show_default=False,
        ),
    ] = None,
    places: Annotated[
        int, typer.Option(help="Number of places, sampled at random.", min=1)
    ] = _DEFAULT_PLACES,
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same files.")] = 0,
    gsd_m: ScaleM = None,
) -> None:
    """Make a small data set from overhead imagery, in the layout of a published one.

    geoloc-train datasets make u1652 /tmp/tiny --imagery DIR

    geoloc-train datasets make u1652 /tmp/tiny --imagery DIR --gsd-m 0.2
    """
    from geoloc_training.datasets.generate import make_tiny

    made = make_tiny(name, out, imagery, places, seed, gsd_m=gsd_m)
    typer.echo(f"made: {made}")


def _refuse(findings: Sequence[str], title: str, root: Path) -> None:
    """Print the findings and exit with status 1; return if there are none."""
    if not findings:
        return
    for sentence in findings:
        typer.echo(f"- {sentence}")
    typer.echo(f"{title} in {root}: {_counted(len(findings), 'finding')}.")
    raise typer.Exit(1)


def _table(name: str, root: Path) -> str:
    known = data_set(name)
    lines = [f"{known.title} in {root} is in order.", f"{'':<36} {'images':>16} {'places':>14}"]
    for part, (pictures, places) in benchmark_sizes(load_benchmark(name, root)).items():
        of_pictures, of_places = known.published.get(part, (None, None))
        lines.append(f"{part:<36} {_of(pictures, of_pictures):>16} {_of(places, of_places):>14}")
    return "\n".join(lines)


def _of(count: int, published: int | None) -> str:
    return f"{count:,}" if published is None else f"{count:,} of {published:,}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
