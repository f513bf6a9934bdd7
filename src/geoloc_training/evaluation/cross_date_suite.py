# SPDX-License-Identifier: Apache-2.0
"""Standard suite of cross-date protocols, with the calibration of thresholds and a table of recalls."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card import Metric
from geoloc.errors import ModelError, ParameterError, clause
from geoloc.progress import progress_bar
from geoloc_training.arrays import Describe
from geoloc_training.datasets.imagery.ground import Ground
from geoloc_training.evaluation.cross_date import Protocol, Recall, evaluate, parse_pair
from geoloc_training.evaluation.hog import describe_hog

ROTATIONS = 24


def suite(base: Protocol) -> list[Protocol]:
    """Return protocols with heading known, ±10°, unknown, and searched, without and with distractors."""
    headings = [(0.0, 1), (10.0, 1), (180.0, 1), (180.0, ROTATIONS)]
    return [
        replace(base, yaw_deg=yaw, rotations=turns, distractors=crowd)
        for crowd in (False, True)
        for yaw, turns in headings
    ]


def protocols_for(pairs: Iterable[str]) -> list[Protocol]:
    """Return the suite for each `city:map_date:query_date`, and the protocols of published HOG baselines.

    Raises:
        ParameterError: a text has another form.
    """
    protocols: list[Protocol] = []
    for text in pairs:
        base = parse_pair(text)
        protocols += [*suite(base), replace(base, offset_m=9.0, yaw_deg=11.0), replace(base, offset_m=22.5)]
    return protocols


def measure(
    describe: Describe, grounds: Sequence[Ground], protocols: Iterable[Protocol], size_px: int
) -> list[Recall]:
    """Run protocols one after the other, with a progress bar."""
    bar = progress_bar(list(protocols), label="evaluate", unit="test")
    return [evaluate(describe, grounds, protocol, size_px) for protocol in bar]


def measure_floor(grounds: Sequence[Ground], protocols: Iterable[Protocol], size_px: int) -> list[Recall]:
    """Run protocols with gradient histograms (HOG), except the slow ones with a search over rotations."""
    once = [protocol for protocol in protocols if protocol.rotations == 1]
    return [replace(r, label=f"HOG: {r.label}") for r in measure(describe_hog, grounds, once, size_px)]


def metrics(recalls: Iterable[Recall], prefix: str = "") -> list[Metric]:
    """Return recalls as metrics for the card, rounded to a tenth of a per cent."""
    return [Metric(prefix + r.label, r.queries, r.gallery, round(r.r1, 3), round(r.r5, 3)) for r in recalls]


def calibrate(recall: Recall) -> Calibration:
    """Return thresholds that refuse few right answers and many wrong answers.

    `min_score` is exceeded by 99 % of the right answers. `min_margin` is the median margin of the wrong
    answers, limited to the margin that 95 % of the right answers exceed. `off_map_score` is the mean of two
    medians, the right answers' scores and the scores of the places second to them.

    Raises:
        ModelError: no query found its place.
    """
    right, wrong = recall.correct, ~recall.correct
    if not right.any():
        raise ModelError("no validation query found its place, so calibration is impossible; train longer.")
    min_score = float(np.quantile(recall.scores[right], 0.01))
    ceiling = float(np.quantile(recall.margins[right], 0.05))
    min_margin = min(ceiling, float(np.median(recall.margins[wrong]))) if wrong.any() else ceiling
    accepted = (recall.scores >= min_score) & (recall.margins >= min_margin)
    derivation = (
        f"{recall.label} ({recall.queries} queries): 99 % of the right answers exceed min_score; 95 % of "
        "them exceed min_margin, or half of the wrong answers fall below it; together they keep "
        f"{(accepted & right).sum() / right.sum():.1%} of the right answers and "
        f"{(accepted & wrong).sum() / max(1, wrong.sum()):.1%} of the wrong answers"
    )
    second = recall.scores - recall.margins
    off_map = (np.median(recall.scores[right]) + np.median(second[right])) / 2.0
    return Calibration(
        round(min_score, 3),
        round(max(0.0, min_margin), 3),
        derivation,
        off_map_score=round(float(off_map), 3),
    )


def table(measured: Sequence[Metric]) -> str:
    """Return a plain-text table of recalls."""
    width = max((len(metric.protocol) for metric in measured), default=10)
    lines = [f"{'protocol':<{width}}  queries  gallery    R@1    R@5"]
    lines += [
        f"{m.protocol:<{width}}  {m.queries:>7}  {m.gallery:>7}  {m.r1:.3f}  {m.r5:.3f}" for m in measured
    ]
    return "\n".join(lines)


def write_json(path: Path, measured: Sequence[Metric]) -> None:
    """Write recalls to a JSON file for `export --also`."""
    path.write_text(
        json.dumps([vars(metric) for metric in measured], indent=2, ensure_ascii=False), encoding="utf-8"
    )


def read_json(path: Path) -> list[Metric]:
    """Read recalls from a JSON file of `write_json`.

    Raises:
        ParameterError: the file is missing or has another form.
    """
    try:
        return [Metric(**item) for item in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise ParameterError(
            f"{path} holds no recalls ({clause(error)}); write it with `geoloc-train evaluate --json`."
        ) from error
