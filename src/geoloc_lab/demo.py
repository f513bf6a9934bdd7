# SPDX-License-Identifier: Apache-2.0
"""Runs the demo: renders a procedural world, builds its map, and localizes a flight with the real nodes.

The map shows the world at its first date. The camera flies over the second date, which differs in season,
sun, cars, crops and a few buildings.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from geoloc.encoder import load_encoder
from geoloc.errors import GeolocError
from geoloc.installed import find_model
from geoloc.mapping.builder import build_map
from geoloc.mapping.manifest import Imagery
from geoloc.mapping.recipe import BuildOptions
from geoloc.raster.views import open_raster
from geoloc_lab.flight_simulator.flight_plan import FlightPlan, pattern_waypoints
from geoloc_lab.flight_simulator.recording import Drone, write_bag, write_drone_file
from geoloc_lab.flight_simulator.sensors import SensorErrors
from geoloc_lab.nodes.replay_session import Session, run_session
from geoloc_lab.world.world import write_world

VIEW_SIZE_M = 90.0
OVERLAP = 0.75
_GROUND_ALTITUDE_M = 380.0


@dataclass(frozen=True)
class Demo:
    """The settings of a demo.

    Args:
        out: folder for all files; world and flight are kept for the next run.
        model: model directory, or the id of a shipped model.
        seed: seed of the world; the shipped model was not trained on the default one.
        duration_s: duration of the flight.
        rate: playback rate, seconds of flight per second.
    """

    out: Path
    model: str
    seed: int = 7
    duration_s: float = 90.0
    rate: float = 1.0

    @property
    def folder(self) -> Path:
        """Folder of world, map, bag and drone.yaml."""
        return self.out / f"seed-{self.seed}"

    @property
    def bag(self) -> Path:
        """The recorded flight."""
        return self.folder / f"flight-{self.duration_s:g}s"

    def evaluation(self) -> str:
        """Return the command that localizes the flight again without ROS."""
        given = f"--map {self.folder / 'map'} --model {self.model} --params-file {self.folder / 'drone.yaml'}"
        return f"geoloc evaluate {self.bag} {given} --out {self.out / 'again'}"


def run_demo(demo: Demo, say: Callable[[str], None]) -> Path:
    """Render a world, localize a flight over it with the real nodes, and return the path of the report.

    Raises:
        GeolocError: if ROS 2 is not installed, or a step fails.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise GeolocError(
            "the demo needs ROS 2, but rclpy is not installed; run `make demo` in the checkout, which "
            "installs it, or source your ROS 2."
        )
    model = find_model(demo.model)
    folder = demo.folder

    say("1/4  rendering the world at two dates, for the map and for the camera")
    world = folder / "world"
    date0, date1 = world / "date0.tif", world / "date1.tif"
    if not (date0.is_file() and date1.is_file()):
        write_world(world, demo.seed)

    say("2/4  building the map of the first date")
    options = BuildOptions(
        view_size_m=VIEW_SIZE_M, overlap=OVERLAP, imagery=Imagery(source=f"procedural world {demo.seed}")
    )
    build_map(date0, load_encoder(model), folder / "map", options, overwrite=True, progress=True)

    say("3/4  recording a flight over the second date")
    bag = demo.bag
    if not (bag / "metadata.yaml").is_file():
        _record(date1, bag, demo)

    say("4/4  localizing the flight with camera_node, inference_node and retrieval_node")
    title = f"demo flight over world {demo.seed}"
    drone = write_drone_file(folder / "drone.yaml", SensorErrors())
    report, files = demo.out / "report", (drone,)
    return run_session(Session(bag, folder / "map", str(model), report, title, demo.rate, params_file=files))


def _record(ground: Path, bag: Path, demo: Demo) -> None:
    with open_raster(ground) as raster:
        plan = FlightPlan(
            waypoints_m=pattern_waypoints("tour", raster.bounds_m, seed=demo.seed),
            max_duration_s=demo.duration_s,
        )
        write_bag(bag, raster, plan, Drone(ground_altitude_m=_GROUND_ALTITUDE_M), seed=demo.seed)
