# SPDX-License-Identifier: Apache-2.0
"""The table of `geoloc`'s commands: which package each comes from, and what that package needs.

Only the module of the command that runs is imported, so `geoloc --help` lists the commands of packages that
are not installed, too, and costs no import of theirs.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from geoloc.errors import GeolocError


@dataclass(frozen=True)
class Part:
    """One of the packages that commands come from.

    Attributes:
        package: name under which Python imports it.
        extra: extra of the distribution that installs what it needs; empty for none.
        needs: modules which that extra installs and which the package's commands import.
        target: target of the checkout's Makefile that installs them.
    """

    package: str
    extra: str = ""
    needs: tuple[str, ...] = ()
    target: str = "setup"

    def missing(self) -> list[str]:
        """Return the modules that are not installed: the package itself, or what it needs."""
        wanted = self.needs if _is_installed(self.package) else (self.package,)
        return [module for module in wanted if not _is_installed(module)]


@dataclass(frozen=True)
class Command:
    """One command of `geoloc`.

    Attributes:
        name: word after `geoloc`.
        module: has the function `register`, which adds the command to a Typer app.
        part: package that it takes.
        section: heading under which `geoloc --help` shows it.
        summary: first sentence of its help.
    """

    name: str
    module: str
    part: Part
    section: str
    summary: str

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command's module and return what it registers.

        Raises:
            GeolocError: where its part, or a module that the part needs, is not installed.
        """
        missing = self.part.missing()
        if missing:
            names, verb = _listed(missing), "is" if len(missing) == 1 else "are"
            raise GeolocError(
                f"`geoloc {self.name}` needs {names}, which {verb} not installed: "
                f"pip install 'geoloc[{self.part.extra}]', or `make {self.part.target}` in a checkout"
            )
        holder = typer.Typer()
        importlib.import_module(self.module).register(holder)
        return cast("TyperCommand | TyperGroup", typer.main.get_group(holder).commands[self.name])


FLIGHT = Part("geoloc")
LAB = Part("geoloc_lab", "lab", ("rosbags", "matplotlib", "jinja2", "PIL"))
TRAINING = Part("geoloc_training", "train", ("torch",), "setup-train")

FLY, MEASURE, SIMULATE, TRAIN = "Fly", "Measure", "Simulate", "Train"

COMMANDS = (
    Command("map", "geoloc.cli.map", FLIGHT, FLY, "Build a map from imagery, look at it, check it."),
    Command(
        "up",
        "geoloc.cli.up",
        FLIGHT,
        FLY,
        "Start camera_node, inference_node and retrieval_node; Ctrl-C stops them.",
    ),
    Command(
        "doctor",
        "geoloc.cli.doctor",
        FLIGHT,
        FLY,
        "Check the installation, models, a map and a parameter file: what to paste into a bug report.",
    ),
    Command(
        "evaluate",
        "geoloc_lab.cli.evaluate",
        LAB,
        MEASURE,
        "Localize every frame of a bag and report the errors.",
    ),
    Command(
        "compare",
        "geoloc_lab.cli.compare",
        LAB,
        MEASURE,
        "Compare reports of the same flight: two models, two settings, with and without the filter.",
    ),
    Command(
        "calibrate",
        "geoloc_lab.cli.calibrate",
        LAB,
        MEASURE,
        "Measure a model's covariance and thresholds on flights over a validation region; store both.",
    ),
    Command(
        "flight",
        "geoloc_lab.cli.flight",
        LAB,
        MEASURE,
        "Replay flights of photos: build their maps, localize every photo, and report the errors in metres.",
    ),
    Command(
        "replay",
        "geoloc_lab.cli.replay",
        LAB,
        MEASURE,
        "Play a recorded flight onto the topics that the nodes subscribe to, with /clock.",
    ),
    Command(
        "demo",
        "geoloc_lab.cli.demo",
        LAB,
        SIMULATE,
        "Localize a simulated drone without GNSS on a map, and report the errors in metres; needs no data.",
    ),
    Command(
        "simulate",
        "geoloc_lab.cli.simulate",
        LAB,
        SIMULATE,
        "Simulate: render a world, record a flight over any imagery, or run all scenarios.",
    ),
    Command(
        "train",
        "geoloc.cli.train",
        TRAINING,
        TRAIN,
        "Train an encoder on views of the same places, measure it, hand it to the nodes.",
    ),
)


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
