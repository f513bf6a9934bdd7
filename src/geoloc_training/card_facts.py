# SPDX-License-Identifier: Apache-2.0
"""Contents of a run's model card: how the model was trained, its recall, and its thresholds."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card import Metric
from geoloc_training.arrays import Describe
from geoloc_training.config import TrainConfig, plain
from geoloc_training.datasets.data_config import MAP
from geoloc_training.datasets.imagery.ground import Ground
from geoloc_training.datasets.imagery.load import load_every_place
from geoloc_training.evaluation import cross_date_suite
from geoloc_training.evaluation.benchmark import Result
from geoloc_training.evaluation.cross_date import evaluate, parse_pair
from geoloc_training.export import CardFacts
from geoloc_training.parity import RealViews
from geoloc_training.prepare import Prepared
from geoloc_training.runlog import figures_at, trained_minutes
from geoloc_training.training.origin import code_version, read_origin
from geoloc_training.training.validation import HeldOutValidation

UNKNOWN_VIEW_SIZE_M = (20.0, 120.0)
_VIEWS = 200  # resolves the required agreement of 99.5 %


def run_facts(
    run: Path,
    recipe: TrainConfig,
    step: int,
    describe: Describe,
    *,
    name: str,
    also: Sequence[Metric] = (),
    notes: dict[str, str] | None = None,
    view_size_m: tuple[float, float] | None = None,
) -> CardFacts:
    """Return the card's contents beyond the network; recall is measured if `map` has validation data.

    Args:
        run: folder of the run.
        recipe: configuration of the run; `data.root` is empty if the data is not available.
        step: step of the weights.
        describe: the encoder.
        name: name of the model.
        also: further metrics, measured before.
        notes: notes for the card.
        view_size_m: smallest and largest side of a view on the ground, if the recipe does not state them.
    """
    real = recipe.data.name == MAP and recipe.data.root and recipe.data.validation
    grounds = load_every_place(recipe.data) if real else []
    command, commit = read_origin(run)
    return CardFacts(
        id=name,
        method=recipe.method_name,
        seed=recipe.seed,
        gsd_range_m=_gsd_range(recipe, view_size_m),
        training={
            "command": command,
            "commit": commit,
            "steps": step,
            "minutes": round(trained_minutes(run)),
            "pairs_per_step": recipe.optimiser.pairs,
            "data": _data(recipe),
            "validation": list(recipe.data.validation) if real else [],
            "config": plain(replace(recipe, data=replace(recipe.data, root=""))),
        },
        metrics=[*_measured(recipe, describe, grounds), *also],
        calibration=_calibration(recipe, describe, grounds),
        notes=_notes(recipe, notes or {}, view_size_m),
    )


def recorded(metrics: Iterable[Metric], data: str, seed: int) -> list[Metric]:
    """Return metrics with their data set, the seed of the training, and the commit of this code."""
    commit = code_version()
    return [replace(metric, data=data, seed=seed, commit=commit) for metric in metrics]


def validated(run: Path, recipe: TrainConfig, step: int, held_out: HeldOutValidation | None) -> list[Metric]:
    """Return the logged recall on held-out places at a step, as metrics for the card."""
    found = figures_at(run, step)
    if held_out is None or "valid_r1" not in found:
        return []
    recalls = round(found["valid_r1"], 3), round(found["valid_r5"], 3)
    label = "places held out of training to choose the weights by"
    return [Metric(label, *held_out.size, *recalls, recipe.data.name, recipe.seed, read_origin(run)[1])]


def metrics_of(results: Iterable[Result]) -> list[Metric]:
    """Return the recalls of published tests as metrics for the card, rounded to a tenth of a per cent."""
    return [
        Metric(
            f"{result.task.name}, {result.protocol}" + (f", {result.variant}" if result.variant else ""),
            result.ranking.queries,
            result.ranking.searched,
            round(result.value("R@1"), 3),
            round(result.value("R@5"), 3),
        )
        for result in results
    ]


def real_views(prepared: Prepared) -> RealViews:
    """Return the first 200 pairs of training views, or all pairs of an epoch if it has fewer."""
    source = prepared.source
    source.start_epoch(0, None)
    queries: list[NDArray[np.uint8]] = []
    gallery: list[NDArray[np.uint8]] = []
    for step in range(source.steps_per_epoch):
        batch = source.finish(source.batch(step, 0, 1), step, 0)
        queries.append(batch.query.numpy())
        gallery.append(batch.reference.numpy())
        if sum(map(len, queries)) >= _VIEWS:
            break
    return RealViews(np.concatenate(queries)[:_VIEWS], np.concatenate(gallery)[:_VIEWS])


def _measured(recipe: TrainConfig, describe: Describe, grounds: list[Ground]) -> list[Metric]:
    if not grounds:
        return []
    protocols = cross_date_suite.protocols_for(recipe.data.validation)
    recalls = cross_date_suite.measure(describe, grounds, protocols, recipe.model.input_px)
    return recorded(cross_date_suite.metrics(recalls), recipe.data.name, recipe.seed)


def _calibration(recipe: TrainConfig, describe: Describe, grounds: list[Ground]) -> Calibration:
    """Return thresholds measured on the first validation city with distractors; without one, accept all."""
    if not grounds:
        return Calibration(-1.0, 0.0, "not calibrated: exported without validation data")
    base = parse_pair(recipe.data.validation[0])
    # In a map of tiles that overlap by half, a tile centre lies within a quarter of a view of the drone.
    hardest = replace(base, distractors=True, offset_m=base.view_size_m / 4)
    return cross_date_suite.calibrate(evaluate(describe, grounds, hardest, recipe.model.input_px))


def _data(recipe: TrainConfig) -> list[str]:
    if recipe.data.name != MAP:
        return [recipe.data.name]
    real = bool(recipe.data.root)
    return [source.label for source in recipe.data.sources if real or source.kind == "world"]


def _gsd_range(recipe: TrainConfig, view_size_m: tuple[float, float] | None) -> tuple[float, float]:
    known = [edge for source in recipe.data.sources for edge in source.view_size_m]
    sizes = view_size_m or known or UNKNOWN_VIEW_SIZE_M
    return round(min(sizes) / recipe.model.input_px, 3), round(max(sizes) / recipe.model.input_px, 3)


def _notes(
    recipe: TrainConfig, notes: dict[str, str], view_size_m: tuple[float, float] | None
) -> dict[str, str]:
    if recipe.data.sources or view_size_m is not None:
        return notes
    low, high = UNKNOWN_VIEW_SIZE_M
    assumed = (
        f"{recipe.data.name} does not state the size of its views on the ground; {low:g}..{high:g} m assumed"
    )
    return {"gsd_range_m": assumed, **notes}
