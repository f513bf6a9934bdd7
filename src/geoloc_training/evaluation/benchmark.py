# SPDX-License-Identifier: Apache-2.0
"""Runs the published tests of a data set: describes images, ranks galleries and computes metrics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from geoloc.arrays import Float32Array
from geoloc.errors import ParameterError
from geoloc_training.arrays import (
    Describe,
)
from geoloc_training.evaluation.features import FeatureCache, Reading, describe_items
from geoloc_training.evaluation.figures import Figure, Found, curve_of, figures_of
from geoloc_training.evaluation.protocols import (
    PROTOCOLS,
    ProtocolName,
    junk,
    multi_query,
    semi_positives,
    truth,
)
from geoloc_training.evaluation.ranking import Ranking, rank_by_counting, rank_by_sorting
from geoloc_training.items import Benchmark, Task

_PAIRS = {"recall_pairs", "hit_rate"}


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation, besides the protocol.

    Attributes:
        flip: whether to add the descriptor of the mirrored image.
        multi_query: whether to average the descriptors of a place's queries into one query.
        float32_compat: whether to round coordinates to float32 in SDM, as DenseUAV's script does.
        batch: number of images described at a time.
        threads: number of threads that read images.
        best: number of best entries kept for each query; all figures need at least 10.
        progress: whether to show progress bars.
    """

    flip: bool = False
    multi_query: bool = False
    float32_compat: bool = False
    batch: int = 64
    threads: int = 2
    best: int = 10
    progress: bool = True

    def __post_init__(self) -> None:
        lowest = {"batch": 1, "threads": 1, "best": 10}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise ParameterError(f"{name} is {getattr(self, name)}; use {least} or more.")

    @property
    def variant(self) -> str:
        """Return the names of the enabled options, for tables; empty if none is enabled."""
        words = {"multi-query": self.multi_query, "flip": self.flip, "float32": self.float32_compat}
        return ", ".join(word for word, chosen in words.items() if chosen)

    def reading(self, size_px: int) -> Reading:
        """Return the reading options for views of a size."""
        return Reading(size_px, self.flip, self.batch, self.threads, self.progress)


@dataclass(frozen=True)
class Result:
    """Result of one test under one protocol.

    Attributes:
        task: the test; with multi-query its queries are the first images of the places.
        protocol: treatment of distractors.
        variant: names of the enabled options.
        figures: computed metrics.
        curve: pairs of a distance in metres and the share of queries whose best entry is nearer, for GTA-UAV.
        ranking: ranks of the true matches, and the best entries of every query.
    """

    task: Task
    protocol: ProtocolName
    variant: str
    figures: tuple[Figure, ...]
    curve: tuple[tuple[float, float], ...]
    ranking: Ranking = field(repr=False)

    def value(self, name: str) -> float:
        """Return a figure by its name; raises KeyError if it was not measured."""
        return {figure.name: figure.value for figure in self.figures}[name]


def evaluate_benchmark(
    benchmark: Benchmark | Sequence[Task],
    describe: Describe,
    size_px: int,
    protocols: Sequence[ProtocolName] = PROTOCOLS,
    cache: FeatureCache | None = None,
    options: EvaluationOptions | None = None,
) -> list[Result]:
    """Run every test of a data set.

    Args:
        benchmark: data set, or other tests such as a validation split.
        describe: uint8 views (N, S, S, 3) -> L2-normalized descriptors (N, D).
        size_px: side S of a view in pixels.
        protocols: treatments of distractors, each giving a result.
        cache: cache of descriptors, or None.
        options: further options.

    Returns:
        A result for each test and protocol.

    Raises:
        RasterError: an image cannot be read.
        ParameterError: a test has no true match, or locations that a metric needs are missing.
    """
    tasks = benchmark.tests if isinstance(benchmark, Benchmark) else benchmark
    options = options or EvaluationOptions()
    reading = options.reading(size_px)
    results = []
    for task in tasks:
        queries = describe_items(task.queries, describe, reading, cache, f"{task.name}: queries")
        gallery = describe_items(task.gallery, describe, reading, cache, f"{task.name}: gallery")
        results += evaluate_features(task, queries, gallery, protocols, options)
    return results


def evaluate_features(
    task: Task,
    queries: Float32Array,
    gallery: Float32Array,
    protocols: Iterable[ProtocolName] = PROTOCOLS,
    options: EvaluationOptions | None = None,
) -> list[Result]:
    """Run one test on the descriptors of its queries (Q, D) and its gallery (G, D).

    Raises:
        ParameterError: the same errors as in `evaluate_benchmark`.
    """
    options = options or EvaluationOptions()
    if options.multi_query:
        task, queries = multi_query(task, queries)
    results = []
    for protocol in protocols:
        ranking = _rank(task, queries, gallery, protocol, options.best)
        found = Found(task, ranking, options.float32_compat)
        results.append(Result(task, protocol, options.variant, figures_of(found), curve_of(found), ranking))
    return results


def _rank(
    task: Task, queries: Float32Array, gallery: Float32Array, protocol: ProtocolName, best: int
) -> Ranking:
    pairs = _PAIRS & set(task.metrics)
    if pairs and {"recall", "ap_trapezoid", "ap_step"} & set(task.metrics):
        raise ParameterError(
            f"'{task.name}' mixes metrics of pairs ({', '.join(sorted(pairs))}) with metrics of ranked "
            "lists, which treat ties differently; split it into two tests."
        )
    right = truth(task)
    if pairs:  # In Sample4Geo's scripts for pairs every reference competes under both protocols.
        return rank_by_counting(queries, gallery, right, semi_positives(task), best)
    return rank_by_sorting(queries, gallery, right, junk(task, protocol), best)
