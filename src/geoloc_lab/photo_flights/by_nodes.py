# SPDX-License-Identifier: Apache-2.0
"""Evaluates a prepared flight of photos by the ROS nodes, which a replay of its bag feeds."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_lab.metrics.records import EvaluationRun
from geoloc_lab.nodes.replay_session import Session, run_session
from geoloc_lab.photo_flights.evaluation import PreparedFlight, described, evaluate_photos
from geoloc_lab.reports.frames_csv import FRAMES, read_frames

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

# Photos are seconds apart without odometry, so a filter would carry little from one to the next.
_FOR_PHOTOS = """/**/camera_node:
  ros__parameters:
    attitude_wait_s: 0.5
/**/retrieval_node:
  ros__parameters:
    filter: false
"""


def evaluate_by_nodes(prepared: PreparedFlight, encoder: "Encoder", out: Path, rate: float) -> EvaluationRun:
    """Replay the bag of a flight into the nodes, and return what they answered.

    Args:
        prepared: the flight.
        encoder: the model that its map was built with.
        out: folder of the nodes' parameter file, and of `report/`, which the nodes write.
        rate: playback rate, seconds of flight per second.

    Raises:
        GeolocError: if a node ended, or the replay wrote no report.
    """
    title = f"{prepared.flight.folder.name}, by the nodes"
    report, for_photos = out / "report", out / "nodes.yaml"
    for_photos.write_text(_FOR_PHOTOS, encoding="utf-8")
    model = str(encoder.card.directory)
    files = (for_photos, *prepared.params_files)
    run_session(
        Session(prepared.bag, prepared.map_directory.path, model, report, title, rate, params_file=files)
    )
    records = read_frames(report / FRAMES)
    if rate != 1.0:  # the nodes measure latency in flight time, which ran at `rate`
        records = tuple(replace(record, latency_ms={}) for record in records)
    how = f"by the ROS nodes, replayed at {rate:g} times the speed of the flight"
    run = EvaluationRun(
        title,
        records,
        prepared.map_directory,
        views=evaluate_photos(prepared, encoder, how).views,  # the nodes do not store what they saw
        calibration=encoder.card.calibration,
        filtered=False,
    )
    return described(run, prepared, how)
