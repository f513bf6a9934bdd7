# SPDX-License-Identifier: Apache-2.0
"""`geoloc map`: builds, inspects and verifies maps, and advises on view size and camera."""

from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.advise import advise
from geoloc.cli.options import Model, option
from geoloc.encoder import EncoderSettings

_commands = typer.Typer(
    help="Build a map from imagery, inspect it, verify it, and choose its view size.", no_args_is_help=True
)

MapFolder = Annotated[Path, typer.Argument(help="Folder that `geoloc map build` wrote.", show_default=False)]

Source = Annotated[
    Path,
    typer.Argument(
        help="GeoTIFF of any reference system, image with --bounds or a world file, or folder of map tiles "
        "(z/x/y.png, or {z}/{x}/{-y}.png if rows count from the south).",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the map.", show_default=False)]
ViewSize = Annotated[
    float | None,
    typer.Option(
        help="Side of a tile in metres, about the width of ground that the camera sees. Default: 100 m, or "
        "the nearest size that the imagery and the model allow.",
        show_default=False,
    ),
]
Overlap = Annotated[float, typer.Option(help="Share of a tile that its neighbour shows too, 0 to 0.9.")]
Scales = Annotated[
    str,
    typer.Option(help="Tile sizes in units of --view-size, for flights at unknown height, such as 1,1.5,2."),
]
Bounds = Annotated[
    tuple[float, float, float, float] | None,
    typer.Option(
        help="West, south, east, north of the outer edges of an image, in --crs.", show_default=False
    ),
]
Crs = Annotated[
    str | None,
    typer.Option(
        help="Coordinate reference system of --bounds, or of a file without one, such as EPSG:32615. "
        "Default for --bounds: EPSG:4326."
    ),
]
Gsd = Annotated[
    float | None, typer.Option(help="Metres per pixel of the map's raster. Default: as the source.")
]
MinValid = Annotated[
    float, typer.Option(help="Smallest share of valid pixels of a tile; other tiles are left out.")
]
Lossless = Annotated[
    bool, typer.Option("--lossless", help="Compress the map's raster with deflate instead of JPEG.")
]
ImagerySource = Annotated[str, typer.Option(help="Producer of the imagery, for the manifest.")]
ImageryDate = Annotated[str, typer.Option(help="Date of the imagery, for the manifest.")]
ImageryLicence = Annotated[str, typer.Option(help="Licence of the imagery, for the manifest.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace another map in --out.")]
Backend = Annotated[str, option(EncoderSettings, "backend")]
Threads = Annotated[int, option(EncoderSettings, "threads")]


def register(app: typer.Typer) -> None:
    """Add `geoloc map`."""
    app.add_typer(_commands, name="map")


@_commands.command()
def build(
    source: Source,
    out: Out,
    model: Model = "",
    view_size: ViewSize = None,
    overlap: Overlap = 0.75,
    scales: Scales = "1",
    bounds: Bounds = None,
    crs: Crs = None,
    gsd: Gsd = None,
    min_valid: MinValid = 0.5,
    lossless: Lossless = False,
    imagery_source: ImagerySource = "",
    imagery_date: ImageryDate = "",
    imagery_licence: ImageryLicence = "",
    overwrite: Overwrite = False,
    backend: Backend = EncoderSettings.backend,
    threads: Threads = EncoderSettings.threads,
) -> None:
    """Build a map: cut imagery into tiles, and compute the descriptor of each.

    An interrupted build resumes when the same command runs again. The folder is self-contained and can be
    copied to the drone, which must use the same model.

    Examples:
      geoloc map build ortho.tif --out my_map

      geoloc map build town.png --bounds -93.1 44.9 -93.0 45.0 --model models/mine --out town

      geoloc map build tiles/18 --model geoloc-small-2 --out my_map --scales 1,1.5
    """
    from geoloc.encoder import load_encoder
    from geoloc.installed import find_model
    from geoloc.mapping.builder import BuildOptions, Imagery, build_map

    imagery = Imagery(imagery_source, imagery_date, imagery_licence)
    options = BuildOptions(
        view_size, overlap, _numbers(scales), gsd, min_valid, lossless=lossless, imagery=imagery
    )
    encoder = load_encoder(find_model(model), backend, threads)
    try:
        built = build_map(
            source,
            encoder,
            out,
            options,
            bounds=bounds,
            crs=crs,
            overwrite=overwrite,
            progress=True,
            notify=_say,
        )
    except KeyboardInterrupt:
        typer.echo(f"stopped; run the same command to resume, as {out} keeps the finished work.", err=True)
        raise typer.Exit(130) from None
    _print_table(built.path)


@_commands.command()
def inspect(
    map_folder: MapFolder,
    picture: Annotated[
        Path | None, typer.Option(help="PNG file to draw the map and its tiles into.", show_default=False)
    ] = None,
) -> None:
    """Print the properties of a map: area, tiles, resolution, model, imagery, size on disk.

    Example: geoloc map inspect my_map --picture my_map.png
    """
    from geoloc.mapping.directory import open_map
    from geoloc.mapping.report import draw_map

    _print_table(map_folder)
    if picture is not None:
        draw_map(open_map(map_folder), picture)
        typer.echo(f"picture: {picture}")


@_commands.command()
def verify(map_folder: MapFolder) -> None:
    """Verify a map completely: checksums, descriptors, tile positions and raster.

    Example: geoloc map verify my_map
    """
    from geoloc.mapping.directory import verify_map

    verified = verify_map(map_folder, progress=True)
    typer.echo(
        f"{map_folder} is complete and undamaged: {len(verified.tiles)} tiles, model {verified.model_id}."
    )


_commands.command()(advise)


def _say(sentence: str) -> None:
    typer.echo(f"note: {sentence}", err=True)


def _print_table(map_folder: Path) -> None:
    from geoloc.mapping.directory import open_map
    from geoloc.mapping.report import describe_map

    rows = describe_map(open_map(map_folder))
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:<{width}}  {value}")


def _numbers(text: str) -> tuple[float, ...]:
    from geoloc.errors import ParameterError

    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ParameterError(
            f"--scales {text!r} is not a list of numbers; give them as in 1,1.5,2."
        ) from error
