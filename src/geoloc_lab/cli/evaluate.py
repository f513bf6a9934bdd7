# SPDX-License-Identifier: Apache-2.0
"""`geoloc evaluate`: localizes every frame of a bag without ROS and reports the errors in metres."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloc.cli.options import Model, option
from geoloc.errors import ParameterError
from geoloc.nodes.startup.programs import BringUp
from geoloc_lab.nodes.settings import EvaluationNodeSettings

if TYPE_CHECKING:
    from geoloc_lab.bags.topic_choice import Topics

_HELP = """Localize every frame of a bag and report the errors.

Needs no ROS: one process reads the bag and processes the frames with the code that the nodes run.
The model must be the one that the map was built with.

Writes report.html (one self-contained page), report.json, frames.csv and plots into --out.

Examples:

  geoloc evaluate flight --map my_map --out report

  geoloc evaluate flight.mcap --map my_map --model models/mine --truth rtk.csv --out report

  geoloc evaluate flight --map my_map --topic image=/front/image_raw --out report
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc evaluate`."""
    app.command("evaluate", help=_HELP)(evaluate)


def evaluate(
    bag: Annotated[Path, typer.Argument(help="Bag: rosbag2 folder, .mcap or .db3 file, or ROS 1 .bag.")],
    map_: Annotated[Path, typer.Option("--map", help="Map directory, made by `geoloc map build`.")],
    out: Annotated[Path, typer.Option(help="Folder for the report.")],
    model: Model = "",
    truth: Annotated[
        Path | None,
        typer.Option(
            help="CSV of the truth with stamp_ns (or photo file), latitude, longitude. "
            "Default: the bag's NavSatFix."
        ),
    ] = None,
    max_truth_gap: Annotated[
        float | None,
        option(EvaluationNodeSettings, "max_truth_gap_s", "--max-truth-gap-s", show_default=False),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="Topic as ROLE=NAME; may be repeated. Roles: image, camera_info, imu, altitude, odom, truth."
        ),
    ] = None,
    params_file: Annotated[
        list[Path] | None,
        typer.Option(help="ROS parameter file, which overrides the model's; may be repeated."),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(help="Namespace of the nodes that --params-file is for, as for `geoloc up`."),
    ] = BringUp.namespace,
    alone: Annotated[
        bool, typer.Option("--alone", help="Localize each frame on its own, without filter.")
    ] = False,
    recording_times: Annotated[
        bool,
        typer.Option(
            "--recording-times",
            help="Take the recording time of messages whose driver never set header.stamp.",
        ),
    ] = False,
    unrefined: Annotated[bool, typer.Option("--unrefined", help="Answer without refinement.")] = False,
    backend: Annotated[
        str, typer.Option(help="Encoder backend: auto, onnxruntime, openvino or torch.")
    ] = "auto",
) -> None:
    """Localize every frame of a bag and write the report."""
    from geoloc.encoder import load_encoder
    from geoloc.installed import find_model
    from geoloc.mapping.directory import open_map
    from geoloc_lab.evaluation.evaluate import BagEvaluation, evaluate_bag
    from geoloc_lab.photo_flights.truth_csv import read_truth_csv
    from geoloc_lab.reports.report import metres_table, write_report

    what = BagEvaluation(
        bag=bag,
        truth=None if truth is None else read_truth_csv(truth),
        max_truth_gap_s=max_truth_gap,
        topics=parse_topics(topic or []),
        params_files=tuple(params_file or ()),
        namespace=namespace,
        alone=alone,
        unrefined=unrefined,
        recording_times=recording_times,
    )
    encoder = load_encoder(find_model(model), backend=backend)
    run = evaluate_bag(what, open_map(map_, encoder.card), encoder)
    page = write_report(run, out)
    typer.echo(f"{metres_table(run)}\n\nreport: {page}")


def parse_topics(entries: list[str]) -> "Topics":
    """Parse `role=name` entries into topic names.

    Raises:
        ParameterError: if an entry has another form or an unknown role.
    """
    from geoloc_lab.bags.topic_choice import Topics

    roles = [field.name for field in fields(Topics)]
    chosen: dict[str, str] = {}
    for entry in entries:
        role, separator, name = entry.partition("=")
        if not separator or role not in roles:
            raise ParameterError(f"--topic is '{entry}'; write ROLE=NAME with a role of {', '.join(roles)}.")
        chosen[role] = name
    return Topics(**chosen)
