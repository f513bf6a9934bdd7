# SPDX-License-Identifier: Apache-2.0
"""`geoloc flight`: evaluates real flights, given as photos and a GeoTIFF."""

import importlib.util
from dataclasses import replace
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
    from geoloc_lab.photo_flights.evaluation import PreparedFlight

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

# Photos are seconds apart without odometry, so a filter would carry little from one to the next.
_FOR_PHOTOS = """/**/camera_node:
  ros__parameters:
    attitude_wait_s: 0.5
/**/retrieval_node:
  ros__parameters:
    filter: false
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
    from geoloc_lab.photo_flights.evaluation import FlightSettings, distractor_pictures, prepare_flight
    from geoloc_lab.photo_flights.folder import find_flights
    from geoloc_lab.reports.report import metres_table, write_report

    encoder = load_encoder(find_model(model))
    folders = find_flights(data)
    given = {
        "heading_error_deg": heading_error,
        "height_error": height_error,
        "attitude_error_deg": attitude_error,
    }
    errors = {name: value for name, value in given.items() if value is not None}
    settings = FlightSettings(view_size or None, overlap, distractors, every, errors)
    by_nodes = importlib.util.find_spec("rclpy") is not None if nodes is None else nodes
    failed = 0
    for folder in folders:
        others = distractor_pictures(data, folders, folder)
        report = out / folder.name / "report"
        try:
            prepared = prepare_flight(folder, others, encoder, out / folder.name, settings, notify=_say)
            for remark in prepared.flight.remarks:
                typer.echo(f"{folder.name}: {remark}", err=True)
            run = (
                _by_nodes(prepared, encoder, report, rate) if by_nodes else _in_one_process(prepared, encoder)
            )
        except GeolocError as error:
            if len(folders) == 1:
                raise
            typer.echo(f"{folder.name} was not evaluated: {error}", err=True)
            failed += 1
            continue
        page = write_report(run, report)
        typer.echo(f"\n{metres_table(run)}\n\nreport: {page}\n")
    if failed:
        raise typer.Exit(1)


def _say(sentence: str) -> None:
    typer.echo(f"note: {sentence}", err=True)


def _in_one_process(prepared: "PreparedFlight", encoder: "Encoder") -> "EvaluationRun":
    from geoloc_lab.photo_flights.evaluation import evaluate_photos

    return evaluate_photos(prepared, encoder, "photo by photo, without ROS, with the code of the nodes")


def _by_nodes(prepared: "PreparedFlight", encoder: "Encoder", report: Path, rate: float) -> "EvaluationRun":
    from geoloc_lab.metrics.records import EvaluationRun
    from geoloc_lab.nodes.replay_session import Session, run_session
    from geoloc_lab.photo_flights.evaluation import described
    from geoloc_lab.reports.frames_csv import FRAMES, read_frames

    title = f"{prepared.flight.folder.name}, by the nodes"
    quality = report.parent / "nodes.yaml"
    quality.write_text(_FOR_PHOTOS, encoding="utf-8")
    model = str(encoder.card.directory)
    files = (quality, *prepared.params_files)
    run_session(
        Session(prepared.bag, prepared.map_directory.path, model, report, title, rate, params_file=files)
    )
    records = read_frames(report / FRAMES)
    if rate != 1.0:  # the nodes measure latency in flight time, which ran at `rate`
        records = tuple(replace(record, latency_ms={}) for record in records)
    views = _in_one_process(prepared, encoder).views
    calibration = encoder.card.calibration
    run = EvaluationRun(
        title, records, prepared.map_directory, views=views, calibration=calibration, filtered=False
    )
    return described(run, prepared, f"by the ROS nodes, replayed at {rate:g} times the speed of the flight")
