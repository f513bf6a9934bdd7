# SPDX-License-Identifier: Apache-2.0
"""`geoloc-train adapt`: an encoder made at home in a region, from its map and from footage without labels."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc_lab.cli.evaluate import parse_topics
from geoloc_training.adaptation.adapt import Adaptation, Adapted, adapt
from geoloc_training.adaptation.cutting import Sources
from geoloc_training.adaptation.summary import in_words
from geoloc_training.adaptation.warping import Assumptions

_INIT = "geoloc-small-2"  # by name: an adapted model under models/ counts as shipped too
_POSES = "Footage without poses"
_CUTTING = "Cutting"


def adapt_command(
    map_image: Annotated[
        Path,
        typer.Option(
            "--map", help="GeoTIFF of any reference system, picture with --bounds, or folder of XYZ tiles."
        ),
    ],
    footage: Annotated[
        list[Path],
        typer.Option(
            "--footage",
            help="A bag (.mcap, .db3, rosbag2 folder), a photo flight as `geoloc flight` takes it, or a "
            "folder of pictures. Repeatable.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Model directory to write; its name becomes the model's id.")
    ],
    words: Annotated[
        list[str] | None,
        typer.Argument(help="Settings over config/training/preset/adapt.yaml: optimiser.epochs=20 …"),
    ] = None,
    initial: Annotated[
        str,
        typer.Option(
            "--init",
            help="Model directory, or id of a shipped model, to begin with.",
        ),
    ] = _INIT,
    map_out: Annotated[
        Path | None,
        typer.Option(help="Map directory to build. Default: OUT-map.", show_default=False),
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; rerunning resumes it. Default: runs/NAME.", show_default=False),
    ] = None,
    keep: Annotated[
        float,
        typer.Option(
            help="Share of the initial weights in the model: more for ground that the footage does not show, "
            "0 where it shows all."
        ),
    ] = 0.4,
    view_size: Annotated[
        float | None,
        typer.Option(
            help="Metres of ground in a view: about 0.8 of the shorter side of what the camera sees. "
            "Default: as `geoloc map build`.",
            show_default=False,
            rich_help_panel=_CUTTING,
        ),
    ] = None,
    overlap: Annotated[
        float,
        typer.Option(help="Share of a training tile that its neighbour shows too.", rich_help_panel=_CUTTING),
    ] = 0.5,
    every_s: Annotated[
        float,
        typer.Option(help="Seconds between the frames that are taken from a bag.", rich_help_panel=_CUTTING),
    ] = 0.5,
    bounds: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="West south east north of a picture, in --crs.", show_default=False),
    ] = None,
    crs: Annotated[
        str | None, typer.Option(help="Reference system of --bounds, or of a file that names none.")
    ] = None,
    assumed_height_m: Annotated[
        float | None,
        typer.Option(
            help="Height above ground of calibrated frames without one.",
            show_default=False,
            rich_help_panel=_POSES,
        ),
    ] = None,
    footprint_m: Annotated[
        float | None,
        typer.Option(
            help="Ground along the shorter side of frames without height or calibration. Default: the median "
            "of the others, else view size / 0.8.",
            show_default=False,
            rich_help_panel=_POSES,
        ),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="role=name: image, camera_info, imu or altitude; an empty name leaves it out."),
    ] = None,
    params_file: Annotated[
        list[Path] | None,
        typer.Option(help="ROS parameter file with mount_rpy_deg and limits; may be repeated."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="Table cameras.json of photos' lenses.", show_default=False),
    ] = None,
) -> None:
    """Adapt an encoder to a region: its map and unlabelled footage in, a model and its map out.

    Where height, attitude and calibration are known, frames become views as in flight. A frame that lacks one
    is scaled by the other frames or your options, and turned to match the map. Positions in the footage are
    never read. DMNIL learns from both sides without labels. The epoch with the best figures without labels is
    mixed with the initial weights and exported; if no epoch is better, the initial weights are. The map is
    then built with the model. Rerun the same command to continue after an interruption.

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
    """Return what the command prints at its end."""
    if not found.helped:
        result = (
            "adaptation did not help: no epoch was better than the beginning, which was exported as it was.\n"
            "More footage, or more varied, may help; so may optimiser.epochs=… or another --view-size."
        )
    else:
        result = (
            f"adapted at step {found.step}.\n"
            f"before: {in_words(found.before)}\nafter:  {in_words(found.after)}"
        )
    where = f"model: {found.model}\nmap: {found.map}"
    return f"{result}\n{where}\nnext: geoloc up --map {found.map} --model {found.model}"
