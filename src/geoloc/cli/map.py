# SPDX-License-Identifier: Apache-2.0
"""`geoloc map …`: build a map, look at it, check it."""

from pathlib import Path
from typing import Annotated

import typer

_commands = typer.Typer(help="Build a map from imagery, look at it, check it.", no_args_is_help=True)

MapFolder = Annotated[Path, typer.Argument(help="Folder that `geoloc map build` wrote.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add `geoloc map` to `geoloc`."""
    app.add_typer(_commands, name="map")


@_commands.command()
def build(
    source: Annotated[
        Path,
        typer.Argument(
            help="GeoTIFF of any reference system, picture with --bounds or a world file, or folder of XYZ "
            "tiles (z/x/y.png).",
            show_default=False,
        ),
    ],
    model: Annotated[
        Path, typer.Option(help="Model directory; the drone must fly the same one.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Folder of the map.", show_default=False)],
    view_size: Annotated[
        float | None,
        typer.Option(
            help="Side of a tile in metres: about the ground the camera sees. Default: 100 m, less where the "
            "imagery is small or the model was trained for finer views.",
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[float, typer.Option(help="Share of a tile that its neighbour shows too.")] = 0.5,
    scales: Annotated[
        str, typer.Option(help="Tile sizes over --view-size, for flights at unknown height: 1,1.5,2.")
    ] = "1",
    bounds: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="West south east north of a picture, in --crs.", show_default=False),
    ] = None,
    crs: Annotated[
        str | None,
        typer.Option(help="Reference system of --bounds, or of a file that names none: EPSG:32615."),
    ] = None,
    gsd: Annotated[
        float | None, typer.Option(help="Metres per pixel of the map's own picture. Default: the source's.")
    ] = None,
    min_valid: Annotated[
        float, typer.Option(help="Leave out tiles with a smaller share of pixels that are not nodata.")
    ] = 0.5,
    lossless: Annotated[bool, typer.Option(help="Keep the picture by deflate instead of JPEG.")] = False,
    imagery_source: Annotated[str, typer.Option(help="Who made the imagery, for the manifest.")] = "",
    imagery_date: Annotated[str, typer.Option(help="When it was taken, for the manifest.")] = "",
    imagery_licence: Annotated[str, typer.Option(help="Its licence, for the manifest.")] = "",
    overwrite: Annotated[bool, typer.Option(help="Replace another map in --out.")] = False,
    backend: Annotated[str, typer.Option(help="onnxruntime, openvino, torch or auto.")] = "auto",
    threads: Annotated[int, typer.Option(help="CPU threads of the encoder; 0 for its own choice.")] = 0,
) -> None:
    """Cut imagery into tiles and describe each one, so that views can be looked up.

    May be interrupted at any time: the same command goes on where it stopped. The folder is self-contained,
    ready to be copied to the drone.

    Examples:
      geoloc map build ortho.tif --model models/geoloc-small-1 --out my_map

      geoloc map build town.png --bounds -93.1 44.9 -93.0 45.0 --model models/geoloc-small-1 --out town

      geoloc map build tiles/18 --model models/geoloc-small-1 --out my_map --scales 1,1.5
    """
    from geoloc.encoder import load_encoder
    from geoloc.map_builder import BuildOptions, Imagery, build_map

    options = BuildOptions(
        view_size_m=view_size,
        overlap=overlap,
        scales=_numbers(scales),
        gsd_m=gsd,
        min_valid=min_valid,
        lossless=lossless,
        imagery=Imagery(imagery_source, imagery_date, imagery_licence),
    )
    built = build_map(
        source,
        load_encoder(model, backend, threads),
        out,
        options,
        bounds=bounds,
        crs=crs,
        overwrite=overwrite,
        progress=True,
        notify=_say,
    )
    _print_table(built.path)


@_commands.command()
def inspect(
    map_folder: MapFolder,
    picture: Annotated[
        Path | None, typer.Option(help="Also draw the map with its tile grid here (PNG).", show_default=False)
    ] = None,
) -> None:
    """Print what a map is: area, tiles, resolution, model, imagery, size on disk.

    Example: geoloc map inspect my_map --picture my_map.png
    """
    from geoloc.map_report import draw_map
    from geoloc.mapping import open_map

    _print_table(map_folder)
    if picture is not None:
        draw_map(open_map(map_folder), picture)
        typer.echo(f"picture: {picture}")


@_commands.command()
def verify(map_folder: MapFolder) -> None:
    """Read all of a map and compare it with its checksums.

    Example: geoloc map verify my_map
    """
    from geoloc.mapping import verify_map

    verified = verify_map(map_folder, progress=True)
    typer.echo(f"{map_folder} is whole: {len(verified.tiles)} tiles, model {verified.model_id}.")


def _say(sentence: str) -> None:
    typer.echo(f"note: {sentence}", err=True)


def _print_table(map_folder: Path) -> None:
    from geoloc.map_report import describe_map
    from geoloc.mapping import open_map

    rows = describe_map(open_map(map_folder))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")


def _numbers(text: str) -> tuple[float, ...]:
    from geoloc.errors import ParameterError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ParameterError(f"--scales {text!r} is not a list of numbers: write 1,1.5,2.") from error
