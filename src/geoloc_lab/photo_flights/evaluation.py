# SPDX-License-Identifier: Apache-2.0
"""Evaluates a flight of photos: builds its map with distractors, writes its bag, localizes every photo."""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import yaml

from geoloc.camera.footprint import VIEW_SHARE
from geoloc.errors import ParameterError
from geoloc.mapping.builder import BuildOptions, build_map
from geoloc.mapping.directory import MapDirectory
from geoloc.progress import progress_bar
from geoloc_lab.bags.writing import BagRecorder
from geoloc_lab.evaluation.distractors import Draw, Picture, add_distractors, placed_pictures
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.metrics.records import EvaluationRun, Record
from geoloc_lab.photo_flights.folder import FlightFolder
from geoloc_lab.photo_flights.frames import PhotoFlight, PhotoFrame
from geoloc_lab.photo_flights.photo_flight import read_photo_flight
from geoloc_lab.photo_flights.video_flight import EVERY_S, read_video_flight

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_NOT_MEASURED = (0.0, 0.0, 0.0)
# A photo has one attitude and height; a drone streams them. Repeating them also covers a lost sample.
_AROUND_NS = tuple(tenth * 10_000_000 for tenth in (-4, -2, 0, 2, 4))


@dataclass(frozen=True)
class FlightSettings:
    """Settings of the map of a photo flight, and of how its photos are localized.

    Attributes:
        view_size_m: tile and view size; None derives it from the flight's height and lens.
        overlap: share of a tile that its neighbour also shows.
        distractors: number of tiles from other places that are added to the map.
        every_s: time between the frames that are taken from a video.
        errors: the nodes' parameters `heading_error_deg`, `height_error` and `attitude_error_deg`, as far as
            given; they replace those that the flight makes necessary.

    Raises:
        ParameterError: for a negative number of distractors, or a time between frames that is not positive.
    """

    view_size_m: float | None = None
    overlap: float = 0.75
    distractors: int = 1000
    every_s: float = EVERY_S
    errors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.distractors < 0:
            raise ParameterError(f"distractors is {self.distractors}; give 0 or more.")
        if not self.every_s > 0.0:
            raise ParameterError(f"every is {self.every_s:g} s; give a time above 0.")


@dataclass(frozen=True)
class PreparedFlight:
    """A photo flight with the map, the bag and the parameter files that the nodes need to localize it."""

    flight: PhotoFlight
    map_directory: MapDirectory
    bag: Path
    params_files: tuple[Path, ...] = ()


def distractor_pictures(data: Path, flights: Sequence[FlightFolder], own: FlightFolder) -> list[Picture]:
    """Return imagery of other places under `data`: the maps of other flights, then indexed images."""
    pictures = [Picture(flight.map_image) for flight in flights if flight != own]
    indexed = [picture for index in sorted(data.glob("*/index.csv")) for picture in placed_pictures(index)]
    random.Random(0).shuffle(indexed)
    return pictures + indexed


def prepare_flight(
    folder: FlightFolder,
    others: Sequence[Picture],
    encoder: "Encoder",
    out: Path,
    settings: FlightSettings | None = None,
    *,
    progress: bool = True,
    notify: Callable[[str], None] | None = None,
) -> PreparedFlight:
    """Build the map of a flight, or open it if it exists, and write its bag.

    Args:
        folder: the flight.
        others: imagery of other places, for distractors.
        encoder: the model.
        out: folder for maps and bag.
        settings: settings of the map; None for the defaults.
        progress: whether to show progress bars.
        notify: called with each note about the map, a sentence.

    Raises:
        GeolocError: if the flight, its map or the imagery cannot be used.
    """
    settings = settings or FlightSettings()
    flight = (
        read_video_flight(folder, out / "frames", settings.every_s)
        if folder.videos
        else read_photo_flight(folder)
    )
    view_size_m = settings.view_size_m or fitting_view_m(flight.frames)
    name = f"map-{encoder.card.id}-{view_size_m:g}m-{settings.overlap:g}"
    options = BuildOptions(view_size_m=view_size_m, overlap=settings.overlap)
    say = notify or (lambda _: None)
    map_directory = build_map(folder.map_image, encoder, out / name, options, progress=progress, notify=say)
    if settings.distractors and others:
        full = out / f"{name}-{settings.distractors}"
        draw = Draw(count=settings.distractors)
        map_directory = add_distractors(map_directory, encoder, others, full, draw=draw, progress=progress)
    bag = write_flight_bag(flight.frames, out / "bag", overwrite=True, progress=progress)
    errors = {**flight.errors, **settings.errors}
    return PreparedFlight(flight, map_directory, bag, _parameter_files(out / "errors.yaml", errors))


def _parameter_files(path: Path, parameters: Mapping[str, float]) -> tuple[Path, ...]:
    """Write a ROS parameter file for all nodes, unless there are no parameters, and return its path."""
    if not parameters:
        return ()
    values = {"/**": {"ros__parameters": {name: float(value) for name, value in parameters.items()}}}
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return (path,)


def write_flight_bag(
    frames: Sequence[PhotoFrame], bag: Path, *, overwrite: bool = False, progress: bool = True
) -> Path:
    """Write photos, byte for byte, and their truth as a bag; repeat attitude, height and lens around each.

    Args:
        frames: photos in stamp order.
        bag: folder of the bag, a rosbag2 in mcap.
        overwrite: whether to replace an existing bag.
        progress: whether to show a progress bar.

    Raises:
        BagError: if the folder exists or cannot be written.
    """
    with BagRecorder(bag, overwrite=overwrite) as recorder:
        for frame in progress_bar(frames, label="write bag", unit="photo", shown=progress):
            for around_ns in _AROUND_NS:
                stamp_ns = frame.stamp_ns + around_ns
                recorder.imu(stamp_ns, frame.quaternion, _NOT_MEASURED, _NOT_MEASURED)
                recorder.altitude(stamp_ns, frame.height_m)
                recorder.camera_info(stamp_ns, frame.intrinsics)
            recorder.truth(frame.stamp_ns, frame.truth_latitude_deg, frame.truth_longitude_deg)
            recorder.jpeg(frame.stamp_ns, frame.photo.path.read_bytes())
    return bag


def fitting_view_m(frames: Sequence[PhotoFrame]) -> float:
    """Return a view size in whole metres that the frames cover, computed from height and lens."""
    sides_m = [
        frame.height_m * min(frame.intrinsics.width, frame.intrinsics.height) / frame.intrinsics.matrix[0, 0]
        for frame in frames
    ]
    return float(math.floor(VIEW_SHARE * float(np.median(sides_m))))


def evaluate_photos(prepared: PreparedFlight, encoder: "Encoder", how: str) -> EvaluationRun:
    """Localize every photo on its own, without ROS, because photos are seconds apart without odometry.

    Args:
        prepared: the flight.
        encoder: the model that its map was built with.
        how: note for the report that says how the photos were localized.

    Raises:
        GeolocError: if the bag, the map or the model's settings cannot be used.
    """
    what = BagEvaluation(prepared.bag, alone=True, params_files=prepared.params_files)
    run = evaluate_bag(what, prepared.map_directory, encoder)
    return described(run, prepared, how)


def described(run: EvaluationRun, prepared: PreparedFlight, how: str) -> EvaluationRun:
    """Return the run with what the flight adds: title, photo names, notes, remarks, groups of photos."""
    flight = prepared.flight
    names = {frame.stamp_ns: frame.photo.path.name for frame in flight.frames}
    records = _with_lost_photos(run.records, flight.frames)
    kinds = prepared.map_directory.manifest
    notes = {
        **flight.notes,
        "map": f"{kinds.imagery.source}, tiles {kinds.view_size_m:g} m wide, one every {kinds.pitch_m:.1f} m",
        "how": how,
    }
    groups = {}
    if flight.independent_ns:
        rest = frozenset(names) - flight.independent_ns
        groups = {"independent": flight.independent_ns, "in the map": rest}
    return replace(
        run,
        title=f"{flight.folder.name}: {len(records)} photos",
        records=tuple(replace(record, name=names.get(record.stamp_ns, "")) for record in records),
        notes={**run.notes, **notes},
        groups=groups,
        remarks=(*flight.remarks, *run.remarks),
    )


def _with_lost_photos(records: Sequence[Record], frames: Sequence[PhotoFrame]) -> list[Record]:
    """Return a record for every photo, with its truth; a photo whose messages were lost counts as a miss."""
    heard = {record.stamp_ns: record for record in records}
    complete = []
    for frame in frames:
        latitude, longitude = frame.truth_latitude_deg, frame.truth_longitude_deg
        lost = Record(
            frame.stamp_ns, latitude, longitude, sentence="the photo's messages did not reach the nodes."
        )
        record = heard.get(frame.stamp_ns, lost)
        complete.append(replace(record, truth_latitude_deg=latitude, truth_longitude_deg=longitude))
    return complete
