# SPDX-License-Identifier: Apache-2.0
"""How far off, how often, how sure, how slow: bags, metrics and the report."""

from geoloc.evaluation.bags import Flight, Topics, read_flight
from geoloc.evaluation.metrics import Summary, summarise
from geoloc.evaluation.records import EvaluationRun, Record, Recorder, TruthTrack
from geoloc.evaluation.truth import read_truth_csv

__all__ = [
    "EvaluationRun",
    "Flight",
    "Record",
    "Recorder",
    "Summary",
    "Topics",
    "TruthTrack",
    "read_flight",
    "read_truth_csv",
    "summarise",
]
