# SPDX-License-Identifier: Apache-2.0
"""The table of the commands of `geoloc`: the package of each, and the modules that the package needs.

Only the module of the command that runs is imported. `geoloc --help` is therefore fast, and also lists the
commands of packages that are not installed.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from typing import cast

import typer
from typer.core import TyperCommand, TyperGroup

from geoloc.cli.options import expand_home
from geoloc.errors import GeolocError


@dataclass(frozen=True)
class Part:
    """A package that provides commands.

    Attributes:
        package: import name of the package.
        extra: extra of the distribution that installs `needs`; empty if the base installs them.
        needs: modules that the extra installs and the commands of the package import.
        target: target of the Makefile in a checkout that installs them.
    """

    package: str
    extra: str = ""
    needs: tuple[str, ...] = ()
    target: str = "setup"

    def missing(self) -> list[str]:
        """Return the modules that are not installed: the package itself, or some that it needs."""
        wanted = self.needs if _is_installed(self.package) else (self.package,)
        return [module for module in wanted if not _is_installed(module)]


@dataclass(frozen=True)
class Command:
    """One command of `geoloc`.

    Attributes:
        name: word after `geoloc`.
        module: module with the function `register`, which adds the command to a Typer app.
        part: package that provides the command.
        section: heading of the command in `geoloc --help`.
        summary: first sentence of the command's help.
    """

    name: str
    module: str
    part: Part
    section: str
    summary: str

    def load(self) -> TyperCommand | TyperGroup:
        """Import the module of the command and return the command that it registers.

        Raises:
            GeolocError: if the package of the command, or a module that it needs, is not installed.
        """
        missing = self.part.missing()
        if missing:
            names, verb = _listed(missing), "is" if len(missing) == 1 else "are"
            raise GeolocError(
                f"`geoloc {self.name}` needs {names}, which {verb} not installed; "
                f"run `pip install 'geoloc[{self.part.extra}]'`, or `make {self.part.target}` in a checkout."
            )
        holder = typer.Typer()
        importlib.import_module(self.module).register(holder)
        expand_home(holder)
        return cast("TyperCommand | TyperGroup", typer.main.get_group(holder).commands[self.name])


FLIGHT = Part("geoloc")
LAB = Part("geoloc_lab", "lab", ("rosbags", "matplotlib", "jinja2", "PIL"))
TRAINING = Part("geoloc_training", "train", ("torch",), "setup-train")

FLY, MEASURE, SIMULATE, TRAIN = "Fly", "Measure", "Simulate", "Train"

COMMANDS = (
    Command(
        "map",
        "geoloc.cli.map",
        FLIGHT,
        FLY,
        "Build a map from imagery, inspect it, verify it, and choose its view size.",
    ),
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
        "Check the installation, models, a map and parameter files; print a report for a bug report.",
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
        "Compare reports of the same flight, such as those of two models or two settings.",
    ),
    Command(
        "calibrate",
        "geoloc_lab.cli.calibrate",
        LAB,
        MEASURE,
        "Calibrate a model's covariance and thresholds on flights over a validation region.",
    ),
    Command(
        "flight",
        "geoloc_lab.cli.flight",
        LAB,
        MEASURE,
        "Evaluate flights of photos: build their maps, localize every photo, and report the errors.",
    ),
    Command(
        "replay",
        "geoloc_lab.cli.replay",
        LAB,
        MEASURE,
        "Play a recorded flight onto the topics that the nodes subscribe to, and publish /clock.",
    ),
    Command(
        "demo",
        "geoloc_lab.cli.demo",
        LAB,
        SIMULATE,
        "Localize a simulated drone without GNSS and report the errors in metres; needs no data.",
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
        "Train an encoder on views of the same places, evaluate it, and export it for the nodes.",
    ),
)


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
