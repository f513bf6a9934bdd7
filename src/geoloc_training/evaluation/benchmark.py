# SPDX-License-Identifier: Apache-2.0
"""A data set's published tests, run: describe, rank by both protocols, and measure."""

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
    """What a user may choose beside the protocol.

    Attributes:
        flip: add the descriptor of the mirrored picture.
        multi_query: one query a place, the mean of its pictures.
        float32_compat: round coordinates to float32 in SDM, as DenseUAV's script does.
        batch: pictures described at a time.
        threads: threads that read pictures.
        best: entries kept for each query; at least 10 for all figures.
        progress: whether to show bars.
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
        """Return what differs from the plain test, in words; empty where nothing does."""
        words = {"multi-query": self.multi_query, "flip": self.flip, "float32": self.float32_compat}
        return ", ".join(word for word, chosen in words.items() if chosen)

    def reading(self, size_px: int) -> Reading:
        """Return how pictures are described under these options."""
        return Reading(size_px, self.flip, self.batch, self.threads, self.progress)


@dataclass(frozen=True)
class Result:
    """One test under one protocol.

    Attributes:
        task: the test as it was run; with multi-query each place's first picture is its query.
        protocol: how distractors were treated.
        variant: what else differs from the plain test.
        figures: what was measured.
        curve: share of queries whose best entry is nearer than so many metres, where GTA-UAV reports it.
        ranking: ranks of true matches and the best entries of every query.
    """

    task: Task
    protocol: ProtocolName
    variant: str
    figures: tuple[Figure, ...]
    curve: tuple[tuple[float, float], ...]
    ranking: Ranking = field(repr=False)

    def value(self, name: str) -> float:
        """Return a figure by its name; KeyError where it was not measured."""
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
        benchmark: the data set, or tests of one's own such as a validation split.
        describe: uint8 views (N, S, S, 3) -> L2-normalised descriptors (N, D).
        size_px: side S of the views.
        protocols: how distractors are treated; each gives a result.
        cache: where descriptors are kept, or None.
        options: what else may be chosen.

    Returns:
        For each test a result per protocol.

    Raises:
        RasterError: a picture cannot be read.
        ParameterError: a test without a true match, or a figure that needs locations which are missing.
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
    """Run one test on descriptors of its queries (Q, D) and its gallery (G, D).

    Raises:
        ParameterError: as `evaluate_benchmark`.
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
            f"'{task.name}' asks for figures of pairs ({', '.join(sorted(pairs))}) beside those of ranked "
            "lists, which treat ties differently; make two tests of it."
        )
    right = truth(task)
    if pairs:  # Sample4Geo's scripts for pairs let every reference compete, whatever the protocol.
        return rank_by_counting(queries, gallery, right, semi_positives(task), best)
    return rank_by_sorting(queries, gallery, right, junk(task, protocol), best)
