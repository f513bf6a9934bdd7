# SPDX-License-Identifier: Apache-2.0
"""`geoloc flight`: evaluates real flights, given as photos and a GeoTIFF."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloc.cli.options import Model, option
from geoloc.errors import GeolocError
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import LocalizerSettings
from geoloc_lab.nodes.settings import ReplayNodeSettings

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc_lab.metrics.records import EvaluationRun
    from geoloc_lab.photo_flights.evaluation import FlightSettings, PreparedFlight
    from geoloc_lab.photo_flights.folder import FlightFolder

_HELP = """Evaluate flights of photos: build their maps, localize every photo, and report the errors.

DATA holds flight folders. Each has one GeoTIFF for the map, and photos in images/ (JPEG with EXIF time) or
DJI's videos with their subtitles (DJI_0001.MP4, DJI_0001.SRT). Attitude and height come from the photos or
subtitles if these contain them (DJI), otherwise from a log of the autopilot in the flight's folder (.ulg of
PX4, .bin of ArduPilot), otherwise from the table queries*.csv. This has a row for each photo with the columns
file, cam_lat, cam_lon (truth), agl_m, pitch_deg, image_up_azimuth_deg, footprint_center_lat,
footprint_center_lon. Without a table, the recorded positions are the truth. DATA/calibration/cameras.json
holds the lenses.

If the map was made from some of the photos, list the other photos in independent.txt in the flight folder,
one file name per line. The report then has two more columns: `independent` and `in the map`.

Distractor tiles are cut from other imagery under DATA: the maps of other flights, and the images of folders
with an index.csv.

If ROS 2 is installed, the nodes process the photos; otherwise, one process does, with the same code.

Examples:

  geoloc flight ../data

  geoloc flight ../data --view-size 30 --distractors 0 --no-nodes
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc flight`."""
    app.command("flight", help=_HELP)(flight)


def flight(
    data: Annotated[Path, typer.Argument(help="Folder that holds the flight folders.")],
    out: Annotated[Path, typer.Option(help="Folder for maps, bags and reports.")] = Path("flight"),
    model: Model = "",
    view_size: Annotated[
        float, typer.Option(help="Width of a tile, metres; 0 derives it from the flight.")
    ] = 0.0,
    overlap: Annotated[
        float, typer.Option(help="Overlap of neighbouring tiles, as a share of their width.")
    ] = 0.75,
    distractors: Annotated[int, typer.Option(help="Number of distractor tiles added to each map.")] = 1000,
    heading_error: Annotated[
        float | None, option(Hypotheses, "heading_error_deg", "--heading-error", show_default=False)
    ] = None,
    height_error: Annotated[
        float | None, option(Hypotheses, "height_error", "--height-error", show_default=False)
    ] = None,
    attitude_error: Annotated[
        float | None, option(LocalizerSettings, "attitude_error_deg", "--attitude-error", show_default=False)
    ] = None,
    every: Annotated[float, typer.Option(help="Time between the frames taken from a video, seconds.")] = 1.0,
    rate: Annotated[float, option(ReplayNodeSettings, "rate", min=0.1, max=20.0)] = 4.0,
    nodes: Annotated[
        bool | None,
        typer.Option(
            "--nodes/--no-nodes",
            help="Use the ROS nodes, or one process. Default: the nodes if ROS 2 is installed.",
        ),
    ] = None,
) -> None:
    """Prepare, localize and report every flight under DATA."""
    from geoloc.encoder import load_encoder
    from geoloc.installed import find_model
    from geoloc_lab.photo_flights.evaluation import FlightSettings
    from geoloc_lab.photo_flights.folder import find_flights

    encoder = load_encoder(find_model(model))
    given = {
        "heading_error_deg": heading_error,
        "height_error": height_error,
        "attitude_error_deg": attitude_error,
    }
    errors = {name: value for name, value in given.items() if value is not None}
    settings = FlightSettings(view_size or None, overlap, distractors, every, errors)
    by_nodes = importlib.util.find_spec("rclpy") is not None if nodes is None else nodes
    _evaluate_all(data, find_flights(data), encoder, out, settings, rate if by_nodes else None)


def _evaluate_all(
    data: Path,
    folders: Sequence["FlightFolder"],
    encoder: "Encoder",
    out: Path,
    settings: "FlightSettings",
    rate: float | None,
) -> None:
    """Evaluate and report flights, also after one that fails; `rate` is that of the nodes, None without."""
    from geoloc_lab.photo_flights.evaluation import distractor_pictures, prepare_flight
    from geoloc_lab.reports.report import metres_table, write_report

    failed = False
    for folder in folders:
        own = out / folder.name
        others = distractor_pictures(data, folders, folder)
        try:
            prepared = prepare_flight(folder, others, encoder, own, settings, notify=_say)
            run = _localized(prepared, encoder, own, rate)
        except GeolocError as error:
            if len(folders) == 1:
                raise
            typer.echo(f"{folder.name} was not evaluated: {error}", err=True)
            failed = True
            continue
        page = write_report(run, own / "report")
        typer.echo(f"\n{metres_table(run)}\n\nreport: {page}\n")
    if failed:
        raise typer.Exit(1)


def _localized(
    prepared: "PreparedFlight", encoder: "Encoder", own: Path, rate: float | None
) -> "EvaluationRun":
    if rate is not None:
        from geoloc_lab.photo_flights.by_nodes import evaluate_by_nodes

        return evaluate_by_nodes(prepared, encoder, own, rate)
    from geoloc_lab.photo_flights.evaluation import evaluate_photos

    return evaluate_photos(prepared, encoder, "photo by photo, without ROS, with the code of the nodes")


def _say(sentence: str) -> None:
    typer.echo(f"note: {sentence}", err=True)
