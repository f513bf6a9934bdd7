# SPDX-License-Identifier: Apache-2.0
"""`geoloc simulate …`: renders a world, records a flight over any raster, runs the scenarios."""

import math
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from geoloc.cli.options import Model
from geoloc.errors import ParameterError

_commands = typer.Typer(
    help="Simulate: render a world, record a flight over any imagery, or run all scenarios.",
    no_args_is_help=True,
)

_SCENARIOS_HELP = """Fly the scenarios, each with one difficulty, and check the results against targets.

The flights cross the procedural world; map and camera show it at different dates. With --data, flights also
cross Massachusetts imagery, which the camera sees in a simulated other season. No prior position is given.
Without --only, each real flight in --data (see `geoloc flight`) adds a row to the table.

Writes imagery, maps, bags and reports into --out. Finished work is kept, so an interrupted run continues
where it stopped. Each flight has a report.html; scenarios.md, .json and .png summarize all flights.

Examples:

  geoloc simulate scenarios --data ../data

  geoloc simulate scenarios --only kidnap --only dropout

  geoloc simulate scenarios --list
"""


def register(app: typer.Typer) -> None:
    """Add `geoloc simulate` to `geoloc`."""
    app.add_typer(_commands, name="simulate")


@_commands.command()
def world(
    out: Annotated[
        Path, typer.Option(help="Folder for date0.tif (for the map), date1.tif (for the camera) and so on.")
    ],
    seed: Annotated[int, typer.Option(help="Seed of the world.")] = 1,
    size_m: Annotated[float, typer.Option(help="Width of the square world, metres.")] = 2048.0,
    gsd_m: Annotated[float, typer.Option(help="Ground sampling distance, metres per pixel.")] = 0.3,
    dates: Annotated[int, typer.Option(help="Number of dates to render, each in another season.")] = 2,
) -> None:
    """Render a procedural town and its fields at several dates, as GeoTIFFs.

    The dates differ in season, sun and shadows, colours, vehicles, crops and a few buildings. A flight over a
    later date is therefore never localized on the image that the camera sees.

    Example: geoloc simulate world --seed 1 --out world/
    """
    from geoloc_lab.world.world import write_world

    if not 1 <= dates <= 100:
        raise ParameterError(f"--dates is {dates}; give a number from 1 to 100.")
    for path in write_world(out, seed, size_m, gsd_m, tuple(range(dates))):
        typer.echo(f"{path}  {path.stat().st_size / 1e6:.1f} MB")


@_commands.command()
def flight(
    out: Annotated[Path, typer.Option(help="Folder of the bag.")],
    raster: Annotated[Path | None, typer.Option(help="Imagery to fly over, such as world/date1.tif.")] = None,
    map_dir: Annotated[
        Path | None, typer.Option("--map", help="Map directory whose imagery to fly over.")
    ] = None,
    pattern: Annotated[
        str, typer.Option(help="Flight pattern: tour, survey, straight, orbit or back.")
    ] = "tour",
    seed: Annotated[int, typer.Option(help="Seed of the tour, gusts, noise and sensor errors.")] = 0,
    height_m: Annotated[
        float | None,
        typer.Option(
            help="Height above ground, metres. Default: 110 m, less over a small raster.", show_default=False
        ),
    ] = None,
    speed_mps: Annotated[float, typer.Option(help="Speed over ground, metres per second.")] = 15.0,
    gust_deg: Annotated[
        float, typer.Option(help="Pitch and roll caused by gusts, degrees (root mean square).")
    ] = 2.5,
    max_bank_deg: Annotated[float, typer.Option(help="Largest bank angle in turns, degrees.")] = 20.0,
    frame_rate_hz: Annotated[float, typer.Option(help="Images per second.")] = 2.0,
    duration_s: Annotated[float, typer.Option(help="Longest duration of the flight, seconds.")] = 60.0,
    margin_m: Annotated[
        float | None,
        typer.Option(
            help="Distance kept from the raster's edges, metres. Default: 250 m, or what raster and camera "
            "allow.",
            show_default=False,
        ),
    ] = None,
    spacing_m: Annotated[float, typer.Option(help="Distance between the lines of a survey, metres.")] = 160.0,
    width: Annotated[int, typer.Option(help="Width of the images, pixels.")] = 640,
    height: Annotated[int, typer.Option(help="Height of the images, pixels.")] = 480,
    hfov_deg: Annotated[float, typer.Option(help="Horizontal field of view, degrees.")] = 70.0,
    mount_pitch_deg: Annotated[
        float, typer.Option(help="Pitch of the camera, degrees; 90 looks straight down, less looks ahead.")
    ] = 90.0,
    raw: Annotated[bool, typer.Option("--raw", help="Record raw Image messages instead of JPEG.")] = False,
    storage: Annotated[str, typer.Option(help="Storage of the bag: mcap or sqlite3.")] = "mcap",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing bag.")] = False,
) -> None:
    """Fly a camera over imagery and record the messages of the drone, with the truth, as a rosbag2.

    The bag holds images, camera calibration, attitude, height above ground, drifting odometry and the true
    position, on the topics that the nodes subscribe to. drone.yaml in the folder states the accuracy of the
    drone's attitude. The last lines printed are the commands that localize the flight.

    Examples:
      geoloc simulate flight --raster world/date1.tif --out flight_bag
      geoloc simulate flight --raster ortho.tif --pattern survey --height-m 120 --out survey_bag
    """
    from geoloc.camera.footprint import VIEW_SHARE, footprint
    from geoloc.raster.views import open_raster
    from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
    from geoloc_lab.flight_simulator.flight_plan import FlightPlan, pattern_waypoints
    from geoloc_lab.flight_simulator.margins import fitting_plan
    from geoloc_lab.flight_simulator.recording import Drone, write_bag, write_drone_file

    lens = default_intrinsics(width, height, hfov_deg)
    drone = Drone(AerialCamera(lens, mount_rpy_deg=(0.0, mount_pitch_deg, 0.0)))
    imagery = _imagery(raster, map_dir)
    with open_raster(imagery) as ground:

        def planned(margin_m: float) -> FlightPlan:
            return FlightPlan(
                pattern_waypoints(
                    pattern, ground.bounds_m, margin_m=margin_m, spacing_m=spacing_m, seed=seed
                ),
                height_m=FlightPlan.height_m if height_m is None else height_m,
                speed_mps=speed_mps,
                gust_deg=gust_deg,
                max_bank_deg=max_bank_deg,
                frame_rate_hz=frame_rate_hz,
                max_duration_s=duration_s,
            )

        if margin_m is None:
            plan = fitting_plan(ground, drone.camera, planned, seed, may_lower=height_m is None)
        else:
            plan = planned(margin_m)
        flown = write_bag(
            out, ground, plan, drone, seed=seed, compressed=not raw, storage=storage, overwrite=overwrite
        )
    drone_file = write_drone_file(out / "drone.yaml", drone.errors, drone.camera.mount_rpy_deg)
    megabytes = sum(part.stat().st_size for part in out.iterdir()) / 1e6
    typer.echo(
        f"{out}  {len(flown.frame_ticks)} frames, {flown.time_s[-1]:.0f} s from {plan.height_m:g} m, "
        f"{megabytes:.1f} MB"
    )
    view_m = math.floor(VIEW_SHARE * footprint(lens, plan.height_m).shorter_m)
    typer.echo("\nnext:")
    if map_dir is None:
        _show_command("map", "build", _map_source(imagery), "--view-size", view_m, "--out", "my_map")
    flown_over = map_dir or "my_map"
    _show_command("evaluate", out, "--map", flown_over, "--params-file", drone_file, "--out", "report")


def _show_command(*words: object) -> None:
    """Print a command of `geoloc`, quoted for a shell."""
    typer.echo("  " + shlex.join(["geoloc", *map(str, words)]))


@_commands.command(help=_SCENARIOS_HELP)
def scenarios(
    out: Annotated[Path, typer.Option(help="Folder for imagery, maps, bags and reports.")] = Path(
        "scenarios"
    ),
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with massachusetts_ortho/ and other imagery.", show_default=False),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Name of a scenario to run; may be repeated.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Number of flights to run in parallel; 0 uses all cores.")] = 0,
    model: Model = "",
    again: Annotated[
        bool, typer.Option("--again", help="Localize flights again even if they have a report.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the scenarios and exit.")] = False,
) -> None:
    """Run scenarios and print a table of the results."""
    from geoloc.installed import find_model
    from geoloc_lab.scenarios.definitions import chosen

    scenarios = tuple(chosen(only or []))
    if list_:
        for scenario in scenarios:
            typer.echo(f"{scenario.name:<14}  {scenario.shows}")
        return
    from geoloc_lab.scenarios.results import summary
    from geoloc_lab.scenarios.suite import Suite, run_suite

    cores = os.cpu_count() or 1
    folder = find_model(model)
    suite = Suite(scenarios, out, folder, data, jobs or cores, again, real_flights=not only)
    try:
        results = run_suite(suite, typer.echo)
    except KeyboardInterrupt:
        typer.echo(f"stopped; run the same command to resume, as {out} keeps the finished work.", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"\n{summary(results)}\n\ntable, plot and figures: {out / 'scenarios.md'}, .png, .json")


def _imagery(raster: Path | None, map_dir: Path | None) -> Path:
    if (raster is None) == (map_dir is None):
        raise ParameterError("the imagery is not defined; give either --raster FILE or --map DIRECTORY.")
    return raster if raster is not None else Path(str(map_dir)) / "raster.tif"


def _map_source(flown: Path) -> Path:
    """Return the imagery for the map: the first date of a procedural world, else what was flown over."""
    first = flown.with_name("date0.tif")
    return first if flown.name.startswith("date") and first.is_file() else flown
