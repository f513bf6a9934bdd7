# SPDX-License-Identifier: Apache-2.0
"""Localizes every frame of a bag without ROS, with the code of the nodes, and compares it with the truth."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc.arrays import UInt8Array
from geoloc.camera.calibrations import Calibrations
from geoloc.camera.levels import Levels
from geoloc.camera.repeats import RepeatedImages
from geoloc.camera.rig import CameraRig
from geoloc.errors import FrameRefused
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import Fix, Localizer, LocalizerSettings
from geoloc.nodes.startup.programs import BringUp
from geoloc.progress import progress_bar
from geoloc.query import Query
from geoloc.refine.stage import RefineStage
from geoloc_lab.bags.playback import feed, frames_when_ready
from geoloc_lab.bags.reading import (
    CameraSample,
    FaultySample,
    Flight,
    ImageSample,
    OdometrySample,
    Sample,
    read_flight,
)
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.evaluation.run_settings import RunSettings, read_settings
from geoloc_lab.metrics.records import EvaluationRun, Record, Recorder
from geoloc_lab.metrics.truth_place import place_remarks
from geoloc_lab.reports.view_album import ViewAlbum

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc.mapping.directory import MapDirectory


@dataclass(frozen=True)
class BagEvaluation:
    """A bag to evaluate, and the options of the evaluation.

    Attributes:
        bag: rosbag2 folder or .mcap file.
        truth: the reference track; None reads it from the bag.
        max_truth_gap_s: longest gap between truth samples to interpolate across; None takes the parameter.
        topics: names of topics whose type is ambiguous.
        params_files: ROS parameter files, as for the nodes; they override the model's params.yaml.
        namespace: namespace of the nodes, which decides on the sections of the parameter files.
        alone: whether to localize each frame on its own, without filter.
        unrefined: whether to answer without refinement against the map's imagery.
        recording_times: whether recording times count for topics whose stamps were never set.
        by_arrival: whether to process samples in order of arrival, as the nodes do, instead of by stamp.
        progress: whether to show a progress bar.
    """

    bag: Path
    truth: TruthTrack | None = None
    max_truth_gap_s: float | None = None
    topics: Topics | None = None
    params_files: tuple[Path, ...] = ()
    namespace: str = BringUp.namespace
    alone: bool = False
    unrefined: bool = False
    recording_times: bool = False
    by_arrival: bool = False
    progress: bool = True


def evaluate_bag(what: BagEvaluation, map_directory: "MapDirectory", encoder: "Encoder") -> EvaluationRun:
    """Localize every frame of a bag.

    Raises:
        BagError: if the bag cannot be read or has no truth.
        ParameterError: if a setting is invalid, or the map was built with another model.
    """
    flight = read_flight(what.bag, what.topics)
    settings = read_settings(encoder, map_directory, what.params_files, what.namespace)
    truth = what.truth or flight.truth()
    truth = replace(truth, max_gap_s=what.max_truth_gap_s or settings.max_truth_gap_s)
    remarks = (*flight.remarks(), *place_remarks(truth, map_directory))
    rules = settings.localizer
    settings = replace(
        settings,
        localizer=replace(
            rules,
            filter=rules.filter and not what.alone,
            refine="off" if what.unrefined else rules.refine,
        ),
    )
    calibrations = Calibrations(flight.topics.image or "", rectified=settings.camera.rectified)
    pipeline = _Pipeline(map_directory, encoder, settings, Recorder(map_directory, truth), calibrations)
    samples = flight.samples(
        by_arrival=what.by_arrival,
        altitude_reference=settings.rig.altitude_reference,
        rectified=settings.camera.rectified,
        recording_times=what.recording_times,
    )
    frames = frames_when_ready(samples, pipeline.take, pipeline.ready)
    bar = progress_bar(frames, label="localize", unit="frame", total=flight.image_count, shown=what.progress)
    records = tuple(pipeline.process(frame) for frame in bar)
    return EvaluationRun(
        title=f"{what.bag.name} on {map_directory.path.name}",
        records=records,
        map_directory=map_directory,
        notes=_notes(what, flight, truth, settings, encoder, pipeline),
        views=pipeline.views,
        calibration=encoder.card.calibration,
        filtered=settings.localizer.filter,
        remarks=(
            *remarks,
            *pipeline.remarks,
            *_sensor_remarks(pipeline),
            *truth.sentences([record.stamp_ns for record in records]),
        ),
    )


class _Pipeline:
    def __init__(
        self,
        map_directory: "MapDirectory",
        encoder: "Encoder",
        settings: RunSettings,
        recorder: Recorder,
        calibrations: Calibrations,
    ) -> None:
        self.views = ViewAlbum()
        self.faults: Counter[str] = Counter()
        self.remarks: dict[str, None] = {}
        self.odometry_concern, self.frames_with_concern = "", 0
        self._levels, self._calibrations, self._repeats = Levels(), calibrations, RepeatedImages()
        self.rig = CameraRig(settings.rig)
        self._encoder = encoder
        self._localizer = Localizer(map_directory, encoder, settings.localizer)
        self._recorder = recorder

    @property
    def refinement(self) -> RefineStage:
        """The refinement stage, which counts its outcomes."""
        return self._localizer.refinement

    def ready(self, stamp_ns: int) -> bool:
        """Return whether an attitude at or after a stamp has arrived."""
        return self.rig.ready(stamp_ns)

    def take(self, sample: Sample) -> None:
        """Pass a sample to the rig or the filter; an unusable sample makes the rig refuse frames."""
        if isinstance(sample, FaultySample):
            self.faults[sample.topic] += 1
        try:
            if isinstance(sample, OdometrySample):
                self._localizer.add_odometry(sample.stamp_ns, sample.position_m, sample.covariance_m2)
            else:
                feed(self.rig, sample)
            if isinstance(sample, CameraSample):
                self._calibrations.add(sample.frame_id, sample.intrinsics)
        except FrameRefused as refusal:
            self.rig.reject(refusal)

    def process(self, frame: ImageSample) -> Record:
        """Localize one frame and time every stage."""
        clock = _StopWatch()
        try:
            image = frame.decode(self._levels)
            clock.lap("decode")
            self._select_calibration(frame, image)
            view = self.rig.view(frame.stamp_ns, image)
            self._repeats.check(image, view)
            clock.lap("warp")
        except FrameRefused as refusal:
            return self._recorder.record(Fix.refused(frame.stamp_ns, refusal), latency_ms=clock.laps_ms)
        descriptors = self._encoder.describe(view.images)
        clock.lap("encode")
        offset_m = (view.offset_east_m, view.offset_north_m)
        fix = self._localizer.answer(Query(frame.stamp_ns, descriptors, offset_m, view.images, view.height_m))
        clock.lap("search and answer")
        if concern := self._localizer.odometry.concern:
            self.odometry_concern = concern
            self.frames_with_concern += 1
        clock.total("frame to position")
        self.views.put(frame.stamp_ns, view.image)
        return self._recorder.record(fix, offset_m=offset_m, latency_ms=clock.laps_ms)

    def _select_calibration(self, frame: ImageSample, image: UInt8Array) -> None:
        height, width = image.shape[:2]
        found = self._calibrations.of_image(str(frame.message.header.frame_id), width, height)
        if found is not None:
            self.rig.set_intrinsics(found)
        if self._calibrations.remark:
            self.remarks[self._calibrations.remark] = None


class _StopWatch:
    def __init__(self) -> None:
        self.laps_ms: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self.laps_ms[stage] = (now - self._last) * 1e3
        self._last = now

    def total(self, name: str) -> None:
        self.laps_ms[name] = (self._last - self._start) * 1e3


def _rules(rules: LocalizerSettings) -> str:
    if rules.filter:
        return f"filter over the flight; answers from a probability of {rules.motion.confidence:g}"
    return (
        f"each frame on its own; min_score {rules.min_score:g}, min_margin {rules.min_margin:g}, "
        f"temperature {rules.temperature:g}"
    )


def _hypotheses(tried: Hypotheses) -> str:
    if tried.count == 1:
        return "one: heading and height as measured"
    return (
        f"{tried.count}: heading errors up to {tried.heading_error_deg:g} degrees, "
        f"height errors up to {tried.height_error:.0%}"
    )


def _sensor_remarks(pipeline: _Pipeline) -> list[str]:
    """Return what the flight shows to be wrong with odometry, roll and pitch."""
    remarks = []
    if pipeline.odometry_concern:
        remarks.append(f"in {pipeline.frames_with_concern} frames: {pipeline.odometry_concern}")
    if concern := pipeline.refinement.attitude.concern:
        remarks.append(concern)
    elif level_s := pipeline.rig.attitude_facts().get("level_for_s"):
        remarks.append(
            f"roll and pitch were exactly 0 for the last {level_s} s; if no gimbal levels the camera, set "
            "attitude_error_deg to its largest tilt and estimate_tilt to true."
        )
    return remarks


def _notes(
    what: BagEvaluation,
    flight: Flight,
    truth: TruthTrack,
    settings: RunSettings,
    encoder: "Encoder",
    pipeline: _Pipeline,
) -> dict[str, str]:
    notes = {
        "bag": f"{what.bag}, images from {flight.topics.image}",
        "truth": truth.source,
        "odometry": flight.topics.odom or "none",
        "model": f"{encoder.card.id}, views of {encoder.card.input_px} px",
        "rules": _rules(settings.localizer),
        "hypotheses": _hypotheses(settings.localizer.hypotheses),
        "how": "frame by frame, without ROS, with the code that the nodes run",
    }
    refinement = pipeline.refinement
    notes["refinement"] = ", ".join(f"{name} {value}" for name, value in refinement.facts().items())
    if pipeline.faults:
        counts = ", ".join(f"{count} on {topic}" for topic, count in pipeline.faults.items())
        notes["unusable messages"] = counts
    return notes
