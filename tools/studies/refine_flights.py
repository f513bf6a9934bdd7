# SPDX-License-Identifier: Apache-2.0
"""Evaluates real flights for `refine_study.py`: every photo on its own, with and without refinement."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml
from numpy.typing import NDArray
from refine_rows import Tried

from geoloc.encoder import Encoder
from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
from geoloc_lab.metrics.records import EvaluationRun, Record
from geoloc_lab.photo_flights.evaluation import PreparedFlight, distractor_pictures, prepare_flight
from geoloc_lab.photo_flights.folder import find_flights

_STAGE = "search and answer"
_MOVED_M = 1e-6  # an answer without refinement equals the belief, apart from rounding


def flown(
    data: Path, encoder: Encoder, work: Path, methods: Sequence[str]
) -> Iterator[tuple[str, float, Mapping[str, list[Tried]]]]:
    """Yield title, tile width and the result of every photo by method, for each flight."""
    folders = find_flights(data)
    for folder in folders:
        flight = prepare_flight(
            folder, distractor_pictures(data, folders, folder), encoder, work / folder.name
        )
        before = _run(flight, encoder, "off")
        by_method = {name: _compared(flight, before, _run(flight, encoder, name)) for name in methods}
        size_m = flight.map_directory.view_size_m
        yield f"{folder.name}, {len(before.records)} photos, views of {size_m:g} m", size_m, by_method


def _run(flight: PreparedFlight, encoder: Encoder, method: str) -> EvaluationRun:
    with tempfile.TemporaryDirectory() as folder:
        chosen = Path(folder) / "refine.yaml"
        chosen.write_text(yaml.safe_dump({"/**": {"ros__parameters": {"refine": method}}}), encoding="utf-8")
        what = BagEvaluation(flight.bag, params_files=(chosen,), alone=True, progress=False)
        return evaluate_bag(what, flight.map_directory, encoder)


def _compared(flight: PreparedFlight, before: EvaluationRun, after: EvaluationRun) -> list[Tried]:
    tried = []
    for old, new in zip(before.records, after.records, strict=True):
        if old.has_fix:
            was, now = _error_m(flight, old), _error_m(flight, new)
            moved = bool(np.hypot(*(now - was)) > _MOVED_M)
            ms = new.latency_ms[_STAGE] - old.latency_ms[_STAGE]
            tried.append(Tried(was, now, new.covariance_m2, moved, None, ms))
    return tried


def _error_m(flight: PreparedFlight, record: Record) -> NDArray[np.float64]:
    to_local = flight.map_directory.frame.to_local
    here = np.array(to_local(record.latitude_deg, record.longitude_deg), dtype=np.float64)
    return here - np.array(to_local(record.truth_latitude_deg, record.truth_longitude_deg))
