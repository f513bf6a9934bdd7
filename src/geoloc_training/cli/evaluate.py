# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train evaluate`: recall of a run or a model, on published tests or across dates of one ground."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from geoloc.checksums import file_sha256
from geoloc.encoder import load_encoder
from geoloc.encoder.card import Metric
from geoloc.installed import find_model
from geoloc_training.arrays import Describe
from geoloc_training.card_facts import metrics_of, recorded
from geoloc_training.cli.runs import DataWords, Weights, encoder_of, is_run
from geoloc_training.compose import load_config, load_data
from geoloc_training.datasets.data_config import MAP, DataConfig
from geoloc_training.datasets.imagery.load import load_every_place
from geoloc_training.datasets.published.registry import load_benchmark
from geoloc_training.evaluation import cross_date_suite
from geoloc_training.evaluation.benchmark import EvaluationOptions
from geoloc_training.evaluation.cross_date import in_chunks
from geoloc_training.evaluation.published_tests import evaluate_images
from geoloc_training.training.checkpoint import Which, load_average, weights_file
from geoloc_training.training.describe import Describer


def evaluate_command(
    source: Annotated[Path, typer.Argument(help="Folder of a run, a model directory, or a shipped model.")],
    words: DataWords = None,
    protocol: Annotated[
        str, typer.Option(help="Published sets: full (distractors kept), sample4geo (left out) or both.")
    ] = "full",
    out: Annotated[
        Path | None, typer.Option("--out", help="Published sets: folder for JSON, CSV and the worst queries.")
    ] = None,
    weights: Weights = None,
    flip: Annotated[
        bool, typer.Option(help="Published sets: add the mirrored picture's descriptor.")
    ] = False,
    multi_query: Annotated[
        bool, typer.Option(help="Published sets: one query a place, the mean of its pictures.")
    ] = False,
    float32_compat: Annotated[
        bool,
        typer.Option(help="DenseUAV: round coordinates to float32 in SDM, as the published script does."),
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Published sets: folder for descriptors as University-1652's evaluate_gpu.py reads."
        ),
    ] = None,
    cache: Annotated[bool, typer.Option(help="Published sets: keep descriptors for the next time.")] = True,
    pairs: Annotated[
        list[str] | None, typer.Option("--pair", help="map: city:map_date:query_date. Repeatable.")
    ] = None,
    floor: Annotated[
        bool, typer.Option(help="map: measure gradient histograms (HOG) by the same protocols too.")
    ] = False,
    label: Annotated[
        str, typer.Option(help="map: words before each protocol, such as what was left out.")
    ] = "",
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Keep the recalls here, for `export --also`.")
    ] = None,
) -> None:
    """Measure recall: on the tests of a published set, or across dates of the same ground (map).

    geoloc-train evaluate runs/host data.root=DIR --protocol both --out runs/host/tests

    geoloc-train evaluate models/geoloc-small-2 data=map data.root=DIR --pair chico:2018:2020 --floor
    """
    trained = load_config(recipe=source / "config.yaml").data if is_run(source) else None
    data = load_data(words or (), trained)
    describe, size_px, key, seed = _describer(source, weights)
    if data.name != MAP:
        options = EvaluationOptions(flip=flip, multi_query=multi_query, float32_compat=float32_compat)
        kept = Path("runs/cache/descriptors") if cache else None
        benchmark = load_benchmark(data.name, data.folder())
        results = evaluate_images(describe, size_px, key, benchmark, protocol, out, options, kept, features)
        measured = metrics_of(results)
    else:
        measured = _measure_dates(describe, size_px, data, pairs or data.validation, floor, label)
        typer.echo(cross_date_suite.table(measured))
    if json_out is not None:
        cross_date_suite.write_json(json_out, recorded(measured, data.name, seed))


def _measure_dates(
    describe: Describe, size_px: int, data: DataConfig, pairs: Sequence[str], floor: bool, label: str
) -> list[Metric]:
    grounds = load_every_place(data)
    protocols = cross_date_suite.protocols_for(pairs or ["chico:2018:2020"])
    recalls = cross_date_suite.measure(describe, grounds, protocols, size_px)
    measured = cross_date_suite.metrics(recalls, label)
    if floor:
        measured += cross_date_suite.metrics(cross_date_suite.measure_floor(grounds, protocols, size_px))
    return measured


def _describer(source: Path, weights: Which | None) -> tuple[Describe, int, str, int]:
    """Return encoder, side of views, key and seed of the weights of a run (torch) or a model."""
    if is_run(source):
        recipe = load_config(recipe=source / "config.yaml")
        encoder = encoder_of(source, recipe, load_average(source, weights)[1])
        key = file_sha256(weights_file(source, weights))
        return Describer(encoder, recipe.model.input_px).views, recipe.model.input_px, key, recipe.seed
    exported = load_encoder(find_model(str(source)))
    return in_chunks(exported.describe), exported.card.input_px, exported.card.sha256, exported.card.seed
