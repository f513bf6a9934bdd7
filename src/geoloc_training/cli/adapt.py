# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train adapt`: adapts an encoder to a region, from a map and unlabelled footage of it."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc_lab.cli.evaluate import parse_topics
from geoloc_training.adaptation.adapt import Adaptation, Adapted, adapt
from geoloc_training.adaptation.cutting import Sources
from geoloc_training.adaptation.summary import in_words
from geoloc_training.adaptation.warping import Assumptions

_INIT = "geoloc-small-2"  # a fixed name: the folder of shipped models may also hold adapted ones
_POSES = "Footage without poses"
_CUTTING = "Cutting"


def adapt_command(
    map_image: Annotated[
        Path,
        typer.Option(
            "--map",
            help="GeoTIFF in any coordinate reference system, image with --bounds, or folder of map tiles.",
        ),
    ],
    footage: Annotated[
        list[Path],
        typer.Option(
            "--footage",
            help="Bag (.mcap, .db3, .bag or rosbag2 folder), photo flight (a folder that `geoloc flight` "
            "accepts), or folder of images. Repeatable.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Model directory to write. Its name becomes the model's id.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="Settings that override config/training/preset/adapt.yaml, such as optimiser.epochs=20."
        ),
    ] = None,
    initial: Annotated[
        str,
        typer.Option(
            "--init",
            help="Initial model: a model directory or the id of a shipped model.",
        ),
    ] = _INIT,
    map_out: Annotated[
        Path | None,
        typer.Option(help="Map directory to build. Default: OUT-map.", show_default=False),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the run. Rerunning the command resumes it. Default: runs/NAME.",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        float,
        typer.Option(
            help="Share of the initial weights in the exported model, 0 to less than 1. Raise it where the "
            "footage shows only part of the map; use 0 where the footage shows all of it."
        ),
    ] = 0.4,
    view_size: Annotated[
        float | None,
        typer.Option(
            help="Side of a view on the ground in metres, about 0.8 of the shorter side of the camera's "
            "footprint. Default: the same as for `geoloc map build`.",
            show_default=False,
            rich_help_panel=_CUTTING,
        ),
    ] = None,
    overlap: Annotated[
        float,
        typer.Option(
            help="Overlap of neighbouring training tiles as a share of a tile, 0 to 0.9.",
            rich_help_panel=_CUTTING,
        ),
    ] = 0.5,
    every_s: Annotated[
        float,
        typer.Option(
            help="Interval in seconds between the frames used from a bag; 0 for every frame.",
            rich_help_panel=_CUTTING,
        ),
    ] = 0.5,
    bounds: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="West, south, east and north edge of an image, in --crs.", show_default=False),
    ] = None,
    crs: Annotated[
        str | None,
        typer.Option(help="Coordinate reference system of --bounds, or of a file that does not state one."),
    ] = None,
    assumed_height_m: Annotated[
        float | None,
        typer.Option(
            help="Assumed height above ground in metres of calibrated frames without a height.",
            show_default=False,
            rich_help_panel=_POSES,
        ),
    ] = None,
    footprint_m: Annotated[
        float | None,
        typer.Option(
            help="Metres of ground along the shorter side of frames without height or calibration. Default: "
            "the median of the other frames, or view size / 0.8 if there are none.",
            show_default=False,
            rich_help_panel=_POSES,
        ),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="Topic of a bag as role=name; roles are image, camera_info, imu and altitude. "
            "An empty name ignores the role. Repeatable."
        ),
    ] = None,
    params_file: Annotated[
        list[Path] | None,
        typer.Option(help="ROS parameter file with mount_rpy_deg and limits. Repeatable."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="cameras.json with the lens calibrations of photos.", show_default=False),
    ] = None,
) -> None:
    """Adapt an encoder to a region, from a map and unlabelled footage.

    A frame with height, attitude and calibration becomes a view as in flight. A frame without height or
    calibration is scaled by --footprint-m, --assumed-height-m or the other frames. A frame without attitude
    is rotated to match the map. Positions in the footage are never read. DMNIL learns from map and footage
    without labels. The epoch with the best label-free figures is mixed with the initial weights and exported.
    If no epoch is better than the initial weights, these are exported. Then the command builds the map with
    the exported model. Rerun the same command to continue after an interruption.

    geoloc-train adapt --map ortho.tif --footage flight.mcap --out models/region

    geoloc-train adapt --map ortho.tif --footage day1 --footage day2 --view-size 60 --out models/region

    geoloc-train adapt --map ortho.tif --footage photos --footprint-m 80 --out models/region
    optimiser.epochs=20
    """
    sources = Sources(
        map_image=map_image,
        footage=tuple(footage),
        bounds=bounds,
        crs=crs,
        view_size_m=view_size,
        overlap=overlap,
        every_s=every_s,
        assumed=Assumptions(footprint_m, assumed_height_m),
        topics=parse_topics(topic or []),
        params_files=tuple(params_file or ()),
        calibration=calibration,
    )
    what = Adaptation(
        sources=sources,
        init=initial,
        out=out,
        map_out=map_out or out.with_name(f"{out.name}-map"),
        run=run or Path("runs") / out.name,
        keep=keep,
        words=tuple(words or ()),
    )
    typer.echo(_summary(adapt(what, typer.echo)))


def _summary(found: Adapted) -> str:
    """Return the lines that the command prints at its end."""
    if not found.helped:
        result = (
            "adaptation did not help: no epoch was better than the initial weights, which were exported.\n"
            "More footage, more varied footage, optimiser.epochs=… or another --view-size may help."
        )
    else:
        result = (
            f"adapted at step {found.step}.\n"
            f"before: {in_words(found.before)}\nafter:  {in_words(found.after)}"
        )
    where = f"model: {found.model}\nmap: {found.map}"
    return f"{result}\n{where}\nnext: geoloc up --map {found.map} --model {found.model}"
