# SPDX-License-Identifier: Apache-2.0
"""`geoloc map advise`: says whether camera, height, model and map fit each other."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geoloc.cli.options import Model
from geoloc.errors import ParameterError

if TYPE_CHECKING:
    from geoloc.advice import Advice, MapFacts
    from geoloc.camera.lens import Intrinsics
    from geoloc.encoder import ModelCard

_NUMBER = r"\d+(?:\.\d+)?"

Height = Annotated[
    str,
    typer.Option(
        help="Height above ground in metres, or a range of heights, such as 110 or 80-150.",
        show_default=False,
    ),
]
Fov = Annotated[
    float | None, typer.Option(help="Horizontal field of view in degrees; needs --image.", show_default=False)
]
ImageSize = Annotated[
    str, typer.Option("--image", help="Size of the images in pixels, such as 1280x720.", show_default=False)
]
CameraInfo = Annotated[
    Path | None,
    typer.Option(
        help="Calibration file (YAML) of camera_calibration, instead of --fov and --image.",
        show_default=False,
    ),
]
MapOption = Annotated[Path | None, typer.Option("--map", help="Map directory to judge.", show_default=False)]
SourceOption = Annotated[
    Path | None,
    typer.Option("--source", help="Imagery to judge: GeoTIFF or folder of map tiles.", show_default=False),
]
Tilt = Annotated[float, typer.Option(help="Largest angle between the camera and straight down, in degrees.")]
Speed = Annotated[float, typer.Option(help="Speed over ground in m/s.")]
Exposure = Annotated[float, typer.Option(help="Exposure time in ms; judges motion blur, with --speed.")]
Readout = Annotated[
    float, typer.Option(help="Readout time of a rolling shutter in ms; 0 for a global shutter.")
]


def advise(
    height: Height,
    fov: Fov = None,
    image: ImageSize = "",
    camera_info: CameraInfo = None,
    map_folder: MapOption = None,
    source: SourceOption = None,
    tilt: Tilt = 0.0,
    speed: Speed = 0.0,
    exposure_ms: Exposure = 0.0,
    readout_ms: Readout = 0.0,
    model: Model = "",
) -> None:
    """Recommend a view size for a camera and a height, and judge whether imagery or a map fits.

    A line is judged good, marginal or does not fit. The limits come from the model and camera_node.
    The last line is the next command.

    Examples:
      geoloc map advise --height 110 --fov 70 --image 1280x720

      geoloc map advise --height 80-150 --camera-info camera.yaml --source ortho.tif --tilt 15

      geoloc map advise --height 110 --fov 70 --image 1280x720 --map my_map --speed 15 --exposure-ms 2
    """
    from geoloc.advice import Flight, advise
    from geoloc.encoder import load_card
    from geoloc.installed import default_model, find_model

    lens = _lens(fov, image, camera_info)
    lowest_m, highest_m = _heights(height)
    flight = Flight(lens, lowest_m, highest_m, tilt, speed, exposure_ms / 1e3, readout_ms / 1e3)
    card = load_card(find_model(model))
    _print(advise(flight, card, _ground(map_folder, source, card)), model or default_model())


def _lens(fov: float | None, image: str, camera_info: Path | None) -> "Intrinsics":
    from geoloc.camera.calibration_file import read_calibration_file
    from geoloc.camera.footprint import pinhole

    if camera_info is not None:
        if fov is not None or image:
            raise ParameterError(
                "--camera-info is given together with --fov or --image; give one or the other."
            )
        return read_calibration_file(camera_info)
    size = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", image.strip())
    if fov is None or size is None:
        raise ParameterError(
            "the camera is unknown; give --fov 70 --image 1280x720, or --camera-info camera.yaml."
        )
    return pinhole(int(size[1]), int(size[2]), fov)


def _heights(text: str) -> tuple[float, float]:
    found = re.fullmatch(rf"({_NUMBER})(?:\s*-\s*({_NUMBER}))?", text.strip())
    if found is None:
        raise ParameterError(f"--height {text} is not a height in metres; write 110 or 80-150.")
    return float(found[1]), float(found[2] or found[1])


def _ground(map_folder: Path | None, source: Path | None, card: "ModelCard") -> "MapFacts | None":
    from geoloc.advice import MapFacts
    from geoloc.mapping.directory import open_map
    from geoloc.raster.views import open_raster

    if map_folder is not None and source is not None:
        raise ParameterError("--map and --source are given together; give the map, or imagery for a new map.")
    if map_folder is not None:
        manifest = open_map(map_folder, card).manifest
        return MapFacts(
            str(map_folder),
            manifest.gsd_m,
            manifest.bounds_m,
            manifest.view_size_m,
            manifest.scales,
            manifest.overlap,
        )
    if source is None:
        return None
    with open_raster(source) as raster:
        return MapFacts(str(source), raster.gsd_m, raster.bounds_m)


def _print(advice: "Advice", model: str) -> None:
    names = max(len(finding.name) for finding in advice.findings)
    fits = max(len(str(finding.fit)) for finding in advice.findings)
    for finding in advice.findings:
        typer.echo(f"{finding.name:<{names}}  {finding.fit!s:<{fits}}  {finding.value}")
        if finding.change:
            typer.echo(f"{'':<{names + fits + 2}}  -> {finding.change}")
    typer.echo(f"\n{advice.verdict}\n{advice.command(model)}")
