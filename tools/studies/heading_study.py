#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measure the cost of an unknown heading or height, in time and in metres, over the procedural world.

    .venv/bin/python tools/studies/heading_study.py --out runs/heading
    .venv/bin/python tools/studies/heading_study.py --out runs/heading --cases compass-15 --flights 1

A case is a few flights with errors of attitude, odometry or height. They are localized without a prior, by
the code that the nodes run, with the parameters of the case. Existing imagery, map and bags are used again.
The table is printed row by row and written to table.md in the folder.
Times are per frame on one thread; an answer comprises look-up, filter and, after a fix, refinement.
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
    """Flights with errors, and the parameters that state the errors to geoloc.

    Attributes:
        name: name for `--cases`.
        shows: description for the table.
        wrong: disturbances of a flight; the flights take them in turn.
        parameters: ROS parameters, as in a parameter file.
        courses: scenarios whose courses are flown, one flight each.
    """

    name: str
    shows: str
    wrong: tuple[tuple[Disturbance, ...], ...] = ((),)
    parameters: Mapping[str, float] = field(default_factory=dict)
    courses: tuple[str, ...] = _COURSES

    @property
    def rows(self) -> int:
        """Number of hypotheses, which is the number of views per frame."""
        return Hypotheses(*(self.parameters.get(name, 0.0) for name in _HYPOTHESES)).count

    def flights(self, count: int) -> list[Scenario]:
        """Return the flights, which take the disturbances in turn."""
        chosen = [replace(SCENARIOS[name], disturbances=()) for name in self.courses[:count]]
        return [replace(one, disturbances=self.wrong[i % len(self.wrong)]) for i, one in enumerate(chosen)]


_HYPOTHESES = ("heading_error_deg", "height_error")
_FREE = {"odom_heading_known": False}
_HEADING_15 = tuple((CompassBias(turn),) for turn in (15.0, -15.0, 10.0, -7.0))
_HEADING_180 = tuple((CompassBias(turn),) for turn in (120.0, -75.0, 172.0, -23.0))
_HEIGHT = tuple((HeightBias(share),) for share in (0.3, -0.3, 0.2, -0.15))
_BOTH = tuple((*turn, *height) for turn, height in zip(_HEADING_180, _HEIGHT, strict=True))
_OFF_15 = ((CompassBias(15.0),),)
_BIASED = ("compass-bias",)

CASES = {
    case.name: case
    for case in (
        Case("known", "heading and height known"),
        Case("known-24", "… with 24 hypotheses", parameters={"heading_error_deg": 180.0}),
        Case("turn-15-1", "heading error up to 15°, not stated", _HEADING_15),
        Case("turn-15", "heading error up to 15°", _HEADING_15, {"heading_error_deg": 15.0}),
        Case("turn-180", "heading unknown", _HEADING_180, {"heading_error_deg": 180.0}),
        Case("turn-180-free", "… in odometry, too", _HEADING_180, {"heading_error_deg": 180.0, **_FREE}),
        Case("height-1", "height error up to 30 %, not stated", _HEIGHT),
        Case("height", "height error up to 30 %", _HEIGHT, {"height_error": 0.3}),
        Case(
            "both", "heading unknown, height error", _BOTH, {"heading_error_deg": 180.0, "height_error": 0.3}
        ),
        Case("compass-0", "compass-bias, default parameters", _OFF_15, courses=_BIASED),
        Case("compass-0-free", "… odom_heading_known: false", _OFF_15, _FREE, _BIASED),
        Case("compass-15", "… heading_error_deg: 15", _OFF_15, {"heading_error_deg": 15.0}, _BIASED),
        Case("compass-30", "… heading_error_deg: 30", _OFF_15, {"heading_error_deg": 30.0}, _BIASED),
        Case("compass-15-free", "… 15, and false", _OFF_15, {"heading_error_deg": 15.0, **_FREE}, _BIASED),
        Case("compass-30-free", "… 30, and false", _OFF_15, {"heading_error_deg": 30.0, **_FREE}, _BIASED),
    )
}


@dataclass(frozen=True)
class Measured:
    """The outcome of a case and its times per frame: medians, and the 95th percentile of the answer."""

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
    """Return the row of a case in the table."""
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
    "| case | what is wrong | hypotheses | warp ms | encode ms | answer ms, median / p95 | fixes | "
    f"availability | median m | p95 m | first fix, frames | > {_FALSE_M} m |\n|" + 12 * "---|"
)


def main() -> None:
    """Print the table of the requested cases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/heading"), help="Folder for imagery, map and bags."
    )
    parser.add_argument(
        "--cases",
        nargs="+",
        choices=CASES,
        default=list(CASES),
        metavar="CASE",
        help=f"Cases to fly, of {', '.join(CASES)}.",
    )
    parser.add_argument(
        "--flights", type=int, default=len(_COURSES), help="Maximum number of flights per case."
    )
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
