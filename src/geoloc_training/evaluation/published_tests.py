# SPDX-License-Identifier: Apache-2.0
"""Runs the tests of a published data set for `geoloc-train evaluate`, prints the table and writes files."""

from collections.abc import Sequence
from pathlib import Path

import typer

from geoloc.errors import ParameterError
from geoloc_training.arrays import Describe
from geoloc_training.evaluation.benchmark import EvaluationOptions, Result, evaluate_benchmark
from geoloc_training.evaluation.features import FeatureCache, describe_items
from geoloc_training.evaluation.gallery import write_worst
from geoloc_training.evaluation.protocols import ProtocolName, protocols_named
from geoloc_training.evaluation.tables import table, write_csv, write_json
from geoloc_training.evaluation.university_script import write_result
from geoloc_training.items import Benchmark, Task


def evaluate_images(
    describe: Describe,
    size_px: int,
    model_key: str,
    benchmark: Benchmark | Sequence[Task],
    protocol: str = "full",
    out: Path | None = None,
    options: EvaluationOptions | None = None,
    cache: Path | None = None,
    features: Path | None = None,
) -> list[Result]:
    """Run a data set's tests, print the table, and write metrics.json, metrics.csv and worst.png.

    Args:
        describe: uint8 views (N, S, S, 3) -> L2-normalized descriptors (N, D).
        size_px: side S of a view in pixels.
        model_key: unique key of the weights, such as their SHA-256, for the cache.
        benchmark: data set, or some of its tests.
        protocol: full, sample4geo or both.
        out: folder for the files, created if missing; None to write no files.
        options: further options.
        cache: folder for cached descriptors; None for no cache (`--no-cache`).
        features: folder for descriptors in the format of University-1652's script, with a folder for each
            protocol; None to write none.

    Raises:
        ParameterError: the protocol is unknown, there are no tests or matches, or a folder cannot be written.
        RasterError: an image cannot be read.
    """
    protocols = protocols_named(protocol)
    if out is not None:
        _make(out)
    kept = FeatureCache(cache, model_key) if cache is not None else None
    results = evaluate_benchmark(benchmark, describe, size_px, protocols, kept, options)
    if not results:
        raise ParameterError(
            "the data set has no test; choose another data set from `geoloc-train datasets list`."
        )
    typer.echo(table(results))
    if out is not None:
        _write(out, results)
    if features is not None:
        tests = benchmark.tests if isinstance(benchmark, Benchmark) else benchmark
        for name in protocols:
            export_features(describe, size_px, tests, features / name, name, options, kept)
    return results


def export_features(
    describe: Describe,
    size_px: int,
    tasks: Sequence[Task],
    out: Path,
    protocol: ProtocolName = "full",
    options: EvaluationOptions | None = None,
    cache: FeatureCache | None = None,
) -> list[Path]:
    """Write the descriptors of each test for University-1652's own script, in a folder for each test.

    Raises:
        ParameterError: a test lists its matches, multi-query is enabled, or a file cannot be written.
        RasterError: an image cannot be read.
    """
    options = options or EvaluationOptions()
    if options.multi_query:
        raise ParameterError(
            "University-1652's script scores single images; export descriptors without multi-query."
        )
    reading = options.reading(size_px)
    paths = []
    for number, task in enumerate(tasks, start=1):
        queries = describe_items(task.queries, describe, reading, cache, f"{task.name}: queries")
        gallery = describe_items(task.gallery, describe, reading, cache, f"{task.name}: gallery")
        paths.append(write_result(out / str(number), task, queries, gallery, protocol))
    return paths


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"{out} cannot be created ({error}); choose another --out.") from error


def _write(out: Path, results: Sequence[Result]) -> None:
    try:
        write_json(out / "metrics.json", results)
        write_csv(out / "metrics.csv", results)
        # One protocol is enough, because both have nearly the same worst queries.
        write_worst(out / "worst.png", [r for r in results if r.protocol == results[0].protocol])
    except OSError as error:
        raise ParameterError(
            f"{out} cannot be written ({error}); make room or choose another --out."
        ) from error
