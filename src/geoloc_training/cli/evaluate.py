# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train evaluate`: measures the recall of an encoder on published tests or between imagery dates."""

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
        str,
        typer.Option(
            help="Protocol on published sets: full (gallery with distractors), sample4geo (without) or both."
        ),
    ] = "full",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for results on published sets: JSON, CSV and the worst queries."),
    ] = None,
    weights: Weights = None,
    flip: Annotated[
        bool, typer.Option(help="Add the descriptor of each image's mirror image (published sets).")
    ] = False,
    multi_query: Annotated[
        bool,
        typer.Option(help="Average the descriptors of a place's queries into one query (published sets)."),
    ] = False,
    float32_compat: Annotated[
        bool,
        typer.Option(help="Round coordinates to float32 in SDM, as DenseUAV's published script does."),
    ] = False,
    features: Annotated[
        Path | None,
        typer.Option(
            help="Folder for descriptors in the format of University-1652's evaluate_gpu.py (published sets)."
        ),
    ] = None,
    cache: Annotated[
        bool, typer.Option(help="Keep descriptors on disk for the next evaluation (published sets).")
    ] = True,
    pairs: Annotated[
        list[str] | None,
        typer.Option("--pair", help="Dates to compare (map): city:map_date:query_date. Repeatable."),
    ] = None,
    floor: Annotated[
        bool,
        typer.Option(help="Measure histograms of oriented gradients (HOG), too, as a baseline (map)."),
    ] = False,
    label: Annotated[
        str,
        typer.Option(
            help="Text before the name of each protocol (map), such as a note on the training data."
        ),
    ] = "",
    json_out: Annotated[
        Path | None, typer.Option("--json", help="JSON file for the recalls, read by `export --also`.")
    ] = None,
) -> None:
    """Measure the recall of an encoder on published tests, or between imagery dates (map).

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
    """Return the encoder of a run or a model, its view size in pixels, and key and seed of its weights."""
    if is_run(source):
        recipe = load_config(recipe=source / "config.yaml")
        encoder = encoder_of(source, recipe, load_average(source, weights)[1])
        key = file_sha256(weights_file(source, weights))
        return Describer(encoder, recipe.model.input_px).views, recipe.model.input_px, key, recipe.seed
    exported = load_encoder(find_model(str(source)))
    return in_chunks(exported.describe), exported.card.input_px, exported.card.sha256, exported.card.seed
