# SPDX-License-Identifier: Apache-2.0
"""Runs a trial: flies a scenario over a region, records, localizes and reports it; keeps finished steps."""

import shutil
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc import __version__
from geoloc.encoder import load_encoder
from geoloc.mapping.builder import build_map
from geoloc.mapping.directory import MapDirectory, open_map
from geoloc.mapping.manifest import Imagery
from geoloc.mapping.recipe import BuildOptions
from geoloc.raster.views import Raster, open_raster
from geoloc_lab.evaluation.distractors import Draw, add_distractors
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.flight_simulator.featureless import featureless_leg
from geoloc_lab.flight_simulator.flight_plan import Bounds, FlightPlan, pattern_waypoints
from geoloc_lab.flight_simulator.recording import Drone, write_bag, write_drone_file
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.reports.frames_csv import FRAMES, read_frames
from geoloc_lab.reports.report import write_report
from geoloc_lab.scenarios.definitions import DULL, Scenario
from geoloc_lab.scenarios.finished_steps import begin, checksum, finish, is_done
from geoloc_lab.scenarios.regions import Region

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

_OVERLAP = 0.75
_IMU_RATE_HZ = 50.0
_DULL_LEG_M = 600.0
_LINES_M = 90.0


@dataclass(frozen=True)
class Trial:
    """A scenario over a region."""

    scenario: Scenario
    region: Region

    @property
    def name(self) -> str:
        """Name of the trial and its folder: imagery/scenario."""
        return f"{self.region.imagery}/{self.scenario.name}"

    @property
    def recipe(self) -> str:
        """Checksum of everything that determines the bag."""
        sides = self.region.flown_image.parent.name
        return checksum(repr(self.scenario), self.region.name, sides, str(self.region.height_m))


def flight_plan(scenario: Scenario, region: Region, ground: Raster) -> FlightPlan:
    """Return the flight plan of a scenario over a region.

    Raises:
        ParameterError: if the region is too small.
    """
    if scenario.course == DULL:
        leg_m = min(_DULL_LEG_M, scenario.speed_mps * scenario.duration_s)
        points = tuple(featureless_leg(ground, leg_m, region.margin_m))
    else:
        bounds_m, margin_m = ground.bounds_m, region.margin_m
        if scenario.box_m:
            bounds_m, margin_m = _box(bounds_m, scenario.box_m), 0.0
        points = pattern_waypoints(
            scenario.course, bounds_m, margin_m=margin_m, spacing_m=_LINES_M, seed=scenario.seed
        )
    return FlightPlan(
        points,
        height_m=region.height_m,
        speed_mps=scenario.speed_mps,
        max_bank_deg=scenario.max_bank_deg,
        gust_deg=scenario.gust_deg,
        frame_rate_hz=scenario.frame_rate_hz,
        imu_rate_hz=_IMU_RATE_HZ,
        max_duration_s=scenario.duration_s,
    )


def map_of(region: Region, encoder: "Encoder", maps: Path, *, far_and_wide: bool) -> MapDirectory:
    """Build the map of a region, or open an existing one.

    Args:
        region: region to map.
        encoder: the model.
        maps: folder of all maps.
        far_and_wide: whether to add the imagery `region.others` to the map.

    Raises:
        GeolocError: if the imagery cannot be used, or the disk is full.
    """
    name = f"{region.name}-{encoder.card.id}"
    options = BuildOptions(
        view_size_m=region.view_size_m, overlap=_OVERLAP, imagery=Imagery(source=region.source)
    )
    built = build_map(region.map_image, encoder, maps / name, options, overwrite=False, progress=True)
    if not (far_and_wide and region.others):
        return built
    everything = Draw(count=None, per_picture=100_000)
    return add_distractors(
        built, encoder, region.others, maps / f"{name}-and-all", draw=everything, progress=True
    )


def run_trial(
    trial: Trial,
    map_folder: Path,
    model: Path,
    out: Path,
    *,
    params_files: tuple[Path, ...] = (),
    again: bool = False,
    progress: bool = False,
) -> Path:
    """Fly, localize and report a trial, skipping finished steps; return the folder of its report.

    Args:
        trial: scenario and region.
        map_folder: map directory to search.
        model: model directory.
        out: folder of all trials.
        params_files: ROS parameter files; they override the model's parameters and drone.yaml.
        again: whether to localize again if a report exists; a matching bag is kept.
        progress: whether to show progress bars.

    Raises:
        GeolocError: if the trial cannot be flown or localized.
    """
    folder = out / trial.name
    bag, report = folder / "bag", folder / "report"
    encoder = _encoder(model)
    map_directory = open_map(map_folder, encoder.card)
    if not (is_done(bag, trial.recipe) and (bag / "metadata.yaml").is_file()):
        _record(trial, bag, progress=progress)
        finish(bag, trial.recipe)
    params_files = (write_drone_file(folder / "drone.yaml", trial.scenario.errors), *params_files)
    card, manifest = encoder.card, map_directory.manifest
    settings = [repr(card.calibration), *(path.read_text(encoding="utf-8") for path in params_files)]
    evaluated = checksum(trial.recipe, card.sha256, manifest.recipe_sha256, __version__, *settings)
    if again or not is_done(report, evaluated):
        begin(report)
        what = BagEvaluation(bag, params_files=params_files, by_arrival=True, progress=progress)
        run = evaluate_bag(what, map_directory, encoder)
        notes = {
            "scenario": trial.scenario.shows,
            "ground": trial.region.source,
            "searched": f"{area_km2(map_directory):.1f} km², no prior",
        }
        write_report(replace(run, title=trial.name, notes={**notes, **run.notes}), report)
        finish(report, evaluated)
    return report


def answers_of(trial: Trial, out: Path) -> Answers:
    """Return the answers of a finished trial.

    Raises:
        BagError: if its report is missing or damaged.
    """
    return Answers.of(read_frames(out / trial.name / "report" / FRAMES))


def area_km2(map_directory: MapDirectory) -> float:
    """Return the searched area: the map and each other place, counted once for all its dates."""
    manifest = map_directory.manifest
    left, bottom, right, top = manifest.bounds_m
    tiles = map_directory.tiles
    inside = (tiles["east_m"] >= left) & (tiles["east_m"] <= right)
    inside &= (tiles["north_m"] >= bottom) & (tiles["north_m"] <= top)
    others = {(round(float(t["east_m"])), round(float(t["north_m"]))) for t in tiles[~inside]}
    return ((right - left) * (top - bottom) + len(others) * manifest.view_size_m**2) / 1e6


def _box(bounds_m: Bounds, side_m: float) -> Bounds:
    left, bottom, right, top = bounds_m
    east_m, north_m, half_m = (left + right) / 2, (bottom + top) / 2, side_m / 2
    return east_m - half_m, north_m - half_m, east_m + half_m, north_m + half_m


@lru_cache(maxsize=1)
def _encoder(model: Path) -> "Encoder":
    return load_encoder(model, threads=1)


def _record(trial: Trial, bag: Path, *, progress: bool) -> None:
    for left_over in bag.parent.glob(".bag.*"):  # left by a run that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    scenario = trial.scenario
    with open_raster(trial.region.flown_image) as ground:
        write_bag(
            bag,
            ground,
            flight_plan(scenario, trial.region, ground),
            Drone(scenario.camera, scenario.errors),
            seed=scenario.seed,
            disturbances=scenario.disturbances,
            overwrite=True,
            progress=progress,
        )
