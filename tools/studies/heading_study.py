#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What it costs, in time and in metres, not to know heading or height: flights over the procedural world.

    .venv/bin/python tools/studies/heading_study.py --out runs/heading
    .venv/bin/python tools/studies/heading_study.py --out runs/heading --cases compass-15 --flights 1

Each case is a few flights whose attitude, odometry or height is wrong, localized without a prior by the code
the nodes run, with the parameters that the case names. Imagery, map and bags that are there are used again.
The table is printed as it grows, and left as table.md in the folder.
Times are per frame, of one thread; an answer is look-up, belief and, once there is a fix, refinement.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import yaml

from geoloc.encoder import Encoder, load_encoder
from geoloc.hypotheses import Hypotheses
from geoloc.installed import find_model
from geoloc.mapping.directory import MapDirectory
from geoloc.raster.views import open_raster
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.flight_simulator.disturbances import CompassBias, Disturbance, HeightBias
from geoloc_lab.flight_simulator.recording import Drone, write_bag
from geoloc_lab.metrics.answers import Answers
from geoloc_lab.metrics.records import EvaluationRun
from geoloc_lab.scenarios.definitions import SCENARIOS, Scenario
from geoloc_lab.scenarios.outcome import Outcome, outcome_of
from geoloc_lab.scenarios.regions import Region, world_region
from geoloc_lab.scenarios.trials import flight_plan, map_of

_COURSES = ("straight-leg", "survey", "turn-180", "compass-bias")
_FALSE_M = 100


@dataclass(frozen=True)
class Case:
    """What is wrong on a flight, and what geoloc is told of it.

    Attributes:
        name: as `--cases` takes it.
        shows: in a few words.
        wrong: for each flight in turn, what goes wrong on it.
        parameters: as in a parameter file.
        courses: the scenarios whose course is flown, one flight each.
    """

    name: str
    shows: str
    wrong: tuple[tuple[Disturbance, ...], ...] = ((),)
    parameters: Mapping[str, float] = field(default_factory=dict)
    courses: tuple[str, ...] = _COURSES

    @property
    def rows(self) -> int:
        """Views a frame."""
        return Hypotheses(*(self.parameters.get(name, 0.0) for name in _HYPOTHESES)).count

    def flights(self, count: int) -> list[Scenario]:
        """Return the flights, what is wrong taking turns."""
        chosen = [replace(SCENARIOS[name], disturbances=()) for name in self.courses[:count]]
        return [replace(one, disturbances=self.wrong[i % len(self.wrong)]) for i, one in enumerate(chosen)]


_HYPOTHESES = ("heading_error_deg", "height_error")
_FREE = {"odom_heading_known": False}
_SLIGHTLY = tuple((CompassBias(turn),) for turn in (15.0, -15.0, 10.0, -7.0))
_ANYHOW = tuple((CompassBias(turn),) for turn in (120.0, -75.0, 172.0, -23.0))
_HEIGHT = tuple((HeightBias(share),) for share in (0.3, -0.3, 0.2, -0.15))
_BOTH = tuple((*turn, *height) for turn, height in zip(_ANYHOW, _HEIGHT, strict=True))
_OFF_15 = ((CompassBias(15.0),),)
_BIASED = ("compass-bias",)

CASES = {
    case.name: case
    for case in (
        Case("known", "heading and height known"),
        Case("known-24", "… and 24 rows all the same", parameters={"heading_error_deg": 180.0}),
        Case("turn-15-1", "heading up to 15° off, not told", _SLIGHTLY),
        Case("turn-15", "heading up to 15° off", _SLIGHTLY, {"heading_error_deg": 15.0}),
        Case("turn-180", "heading unknown", _ANYHOW, {"heading_error_deg": 180.0}),
        Case("turn-180-free", "… and odometry's as well", _ANYHOW, {"heading_error_deg": 180.0, **_FREE}),
        Case("height-1", "height up to 30 % off, not told", _HEIGHT),
        Case("height", "height up to 30 % off", _HEIGHT, {"height_error": 0.3}),
        Case("both", "both", _BOTH, {"heading_error_deg": 180.0, "height_error": 0.3}),
        Case("compass-0", "compass-bias as it is", _OFF_15, courses=_BIASED),
        Case("compass-0-free", "… odom_heading_known: false", _OFF_15, _FREE, _BIASED),
        Case("compass-15", "… heading_error_deg: 15", _OFF_15, {"heading_error_deg": 15.0}, _BIASED),
        Case("compass-30", "… heading_error_deg: 30", _OFF_15, {"heading_error_deg": 30.0}, _BIASED),
        Case("compass-15-free", "… 15, and both", _OFF_15, {"heading_error_deg": 15.0, **_FREE}, _BIASED),
        Case("compass-30-free", "… 30, and both", _OFF_15, {"heading_error_deg": 30.0, **_FREE}, _BIASED),
    )
}


@dataclass(frozen=True)
class Measured:
    """A case's outcome, and its times a frame: medians, and of the answer the 95th percentile."""

    outcome: Outcome
    warp_ms: float
    encode_ms: float
    answer_ms: float
    answer_p95_ms: float


def measure(
    case: Case, count: int, ground: Region, where: MapDirectory, encoder: Encoder, out: Path
) -> Measured:
    """Fly and localize a case."""
    params = out / "params" / f"{case.name}.yaml"
    params.parent.mkdir(parents=True, exist_ok=True)
    params.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(case.parameters)}}), encoding="utf-8")
    runs = [
        evaluate_bag(BagEvaluation(bag, params_files=(params,), by_arrival=True), where, encoder)
        for bag in (_bag(flight, ground, out) for flight in case.flights(count))
    ]
    answer = _times_ms(runs, "search and answer")
    return Measured(
        outcome_of([Answers.of(run.records) for run in runs]),
        float(np.median(_times_ms(runs, "warp"))),
        float(np.median(_times_ms(runs, "encode"))),
        float(np.median(answer)),
        float(np.percentile(answer, 95)),
    )


def _bag(flight: Scenario, region: Region, out: Path) -> Path:
    said = "-".join(f"{type(one).__name__}{next(iter(vars(one).values())):g}" for one in flight.disturbances)
    bag = out / "bags" / f"{flight.name}-{said or 'right'}"
    if (bag / "metadata.yaml").is_file():
        return bag
    with open_raster(region.flown_image) as ground:
        plan, drone = flight_plan(flight, region, ground), Drone(flight.camera, flight.errors)
        write_bag(
            bag, ground, plan, drone, seed=flight.seed, disturbances=flight.disturbances, overwrite=True
        )
    return bag


def _times_ms(runs: Sequence[EvaluationRun], stage: str) -> list[float]:
    return [record.latency_ms[stage] for run in runs for record in run.records if stage in record.latency_ms]


def row(case: Case, found: Measured) -> str:
    """Return a case's line of the table."""
    one = found.outcome
    cells = (
        case.name,
        case.shows,
        case.rows,
        f"{found.warp_ms:.1f}",
        f"{found.encode_ms:.1f}",
        f"{found.answer_ms:.1f} / {found.answer_p95_ms:.1f}",
        f"{one.fixes} of {one.frames}",
        f"{one.availability:.1%}",
        f"{one.median_m:.1f}",
        f"{one.p95_m:.1f}",
        f"{one.frames_to_fix:g}",
        f"{one.false[_FALSE_M]:.1%}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| case | what is wrong | rows | warp ms | encode ms | answer ms, median / p95 | fixes | available | "
    f"median m | p95 m | first fix, frames | > {_FALSE_M} m |\n|" + 12 * "---|"
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/heading"), help="for imagery, map and bags")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE")
    parser.add_argument("--flights", type=int, default=len(_COURSES), help="a case, at most")
    chosen = parser.parse_args()
    encoder = load_encoder(find_model(), threads=1)
    region = world_region(chosen.out / "images")
    where = map_of(region, encoder, chosen.out / "maps", far_and_wide=False)
    lines = [HEAD]
    print(HEAD, flush=True)
    for name in chosen.cases:
        found = measure(CASES[name], chosen.flights, region, where, encoder, chosen.out)
        lines.append(row(CASES[name], found))
        print(lines[-1], flush=True)
    (chosen.out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
