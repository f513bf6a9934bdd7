# SPDX-License-Identifier: Apache-2.0
"""Runs scenarios: prepares regions and maps, flies and localizes in parallel, writes the results."""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc.encoder import load_encoder
from geoloc.errors import ParameterError
from geoloc.progress import progress_bar
from geoloc_lab.scenarios.definitions import DULL, SCENARIOS, Scenario
from geoloc_lab.scenarios.finished_steps import begin, checksum, finish, is_done
from geoloc_lab.scenarios.likeness import Likeness, likenesses
from geoloc_lab.scenarios.outcome import fine_percent, only_metres, outcome_of
from geoloc_lab.scenarios.real_flights import fly_real
from geoloc_lab.scenarios.regions import Region, ortho_regions, world_region
from geoloc_lab.scenarios.results import Results, likeness_table, write_results
from geoloc_lab.scenarios.trials import Trial, answers_of, map_of, run_trial

if TYPE_CHECKING:
    from geoloc.encoder import Encoder

Say = Callable[[str], None]
Task = tuple[Trial, Path, Path, Path, bool, bool]


@dataclass(frozen=True)
class Suite:
    """The scenarios to run, and the options of the run.

    Attributes:
        scenarios: the scenarios.
        out: folder for imagery, maps, bags and reports.
        model: model directory.
        data: folder with real imagery; None to fly over the procedural world only.
        jobs: number of trials that run in parallel.
        again: whether to localize again the flights that have a report.
        real_flights: whether to add the real flights in `data` to the table.

    Raises:
        ParameterError: for fewer than one job.
    """

    scenarios: tuple[Scenario, ...]
    out: Path
    model: Path
    data: Path | None = None
    jobs: int = 1
    again: bool = False
    real_flights: bool = True

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ParameterError(f"--jobs is {self.jobs}; give 1 or more.")


def run_suite(suite: Suite, say: Say) -> Results:
    """Run a suite and write `scenarios.md`, `.json` and `.png` into its folder.

    Args:
        suite: scenarios and options; finished work in its folder is kept.
        say: called with a line for each step.

    Raises:
        GeolocError: if the imagery, the model or a trial cannot be used.
    """
    say("1/4  images of each region: one for the map, one for the camera")
    trials = trials_of(suite, say)
    if not trials:
        raise ParameterError("the chosen scenarios need real imagery; give its folder by --data.")

    say("2/4  maps, and the similarity of map image and camera image")
    encoder = load_encoder(suite.model)
    maps = {
        trial.name: map_of(
            trial.region, encoder, suite.out / "maps", far_and_wide=trial.scenario.far_and_wide
        ).path
        for trial in trials
    }
    regions = {trial.region.name: trial.region for trial in trials}
    likeness = _likeness(suite, list(regions.values()), encoder)
    say(likeness_table(likeness))

    say(f"3/4  {len(trials)} flights, each localized without a prior")
    _fly_all(suite, trials, maps, say)

    say("4/4  results")
    flights = {trial.name: answers_of(trial, suite.out) for trial in trials}
    outcomes = {name: outcome_of([flight]) for name, flight in flights.items()}
    for kind in dict.fromkeys(trial.region.imagery for trial in trials):
        parts = [flights[trial.name] for trial in trials if trial.region.imagery == kind]
        outcomes[f"{kind}, all"] = outcome_of(parts)
    outcomes["all"] = outcome_of(list(flights.values()))
    if suite.data is not None and suite.real_flights:
        real = fly_real(suite.data, encoder, suite.out / "flights", say, again=suite.again)
        outcomes |= {name: outcome_of([flight]) for name, flight in real.items()}
    results = Results(outcomes, likeness, len(suite.scenarios) == len(SCENARIOS))
    write_results(results, flights, encoder.card.id, suite.out)
    return results


def trials_of(suite: Suite, say: Say) -> list[Trial]:
    """Prepare the regions; return the trials, each a scenario over a region, grouped by imagery.

    Raises:
        GeolocError: if a region cannot be prepared.
    """
    images = suite.out / "images"
    over_world = [scenario for scenario in suite.scenarios if not scenario.far_and_wide]
    world = world_region(images) if over_world else None
    trials = [Trial(scenario, world) for scenario in over_world if world is not None]
    ortho = None if suite.data is None else ortho_regions(suite.data, images, say)
    if ortho is None:
        left_out = [scenario.name for scenario in suite.scenarios if scenario.far_and_wide]
        if left_out:
            say(f"left out for lack of real imagery (--data): {', '.join(left_out)}")
        return trials
    return trials + [
        Trial(scenario, ortho.country if scenario.course == DULL else ortho.town)
        for scenario in suite.scenarios
    ]


def _likeness(suite: Suite, regions: Sequence[Region], encoder: "Encoder") -> tuple[Likeness, ...]:
    """Return the similarity of each region's images, measured now or read from an earlier run."""
    folder = suite.out / "likeness"
    tables = sorted(suite.data.glob("*/index.csv")) if suite.data is not None else []
    recipe = checksum(
        encoder.card.sha256,
        *(f"{region.flown_image.parent.name} {region.view_size_m}" for region in regions),
        *(table.read_text(encoding="utf-8") for table in tables),
    )
    file = folder / "likeness.json"
    if is_done(folder, recipe) and file.is_file():
        return tuple(Likeness(**one) for one in json.loads(file.read_text(encoding="utf-8")))
    begin(folder)
    found = tuple(likenesses(regions, suite.data, encoder))
    file.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n", encoding="utf-8")
    finish(folder, recipe)
    return found


def _fly_all(suite: Suite, trials: Sequence[Trial], maps: dict[str, Path], say: Say) -> None:
    tasks = [
        (trial, maps[trial.name], suite.model, suite.out, suite.again, suite.jobs == 1) for trial in trials
    ]
    with progress_bar(label="flights", unit="flight", total=len(tasks)) as bar:
        for trial in _flown(tasks, min(suite.jobs, len(tasks))):
            one = outcome_of([answers_of(trial, suite.out)])
            with bar.external_write_mode():
                say(
                    f"{trial.name}: {fine_percent(one.availability)} answered, "
                    f"median {only_metres(one.median_m)}, p95 {only_metres(one.p95_m)}"
                )
            bar.update()


def _flown(tasks: Sequence[Task], jobs: int) -> Iterator[Trial]:
    """Yield the trials as they finish."""
    if jobs == 1:
        yield from map(_fly, tasks)
        return
    # Leaving the pool ends its processes, so that an interrupt does not wait for flights to end.
    with multiprocessing.get_context("spawn").Pool(jobs, _ignore_interrupts) as pool:
        yield from pool.imap_unordered(_fly, tasks)


def _fly(task: Task) -> Trial:
    trial, map_folder, model, out, again, progress = task
    run_trial(trial, map_folder, model, out, again=again, progress=progress)
    return trial


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
