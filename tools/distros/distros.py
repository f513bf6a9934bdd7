#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run geoloc on the package versions of the systems that ROS 2 uses: doctor, tests and a demo flight.

    make distros                                     every system; minutes for each
    .venv/bin/python tools/distros/distros.py debian-12

Debian 12 is tested on Debian 12 itself: apt's packages, and beside them what `beside_apt.txt` names. Ubuntu
24.04 is tested anywhere: wheels of its versions and Jazzy's rclpy, on Python 3.12 where `python3.12` runs,
otherwise on this Python. Environments, logs and flights are kept in runs/distros.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from machine import BASE_PYTHON, Ros, SetupError, clean_environment  # noqa: E402 - found through the line above
from setup_venv import RECIPE, STATE, Venv, build_messages, locked  # noqa: E402

OUT = ROOT / "runs" / "distros"
DEBIAN_PYTHON = "/usr/bin/python3"
BESIDE_APT = HERE / "beside_apt.txt"
TESTS = [
    *(
        f"test/geoloc/{part}"
        for part in ("camera", "encoder", "filter", "mapping", "raster", "refine", "cli")
    ),
    "test/geoloc/nodes",
    "test/geoloc_lab/nodes",
]
TEST_TOOLS = ("pytest", "hypothesis", "psutil")
FLIGHT_S = 30
FEWEST_FIXES, LARGEST_MEDIAN_M = 0.5, 10.0  # of a demo flight; a busy machine drops frames


class SkippedError(Exception):
    """A system that cannot be tested on this machine; the message says why."""


@dataclass(frozen=True)
class System:
    """A system with its packages.

    Attributes:
        name: name on the command line, and of its folder.
        ros: ROS 2 distribution whose wheels are used.
        requirements: what pip installs.
        generators: requirements of the message generators.
        from_apt: whether apt's packages of this machine are used.
    """

    name: str
    ros: str
    requirements: tuple[str, ...]
    generators: Path
    from_apt: bool = False

    def python(self) -> str:
        """Return the interpreter to test.

        Raises:
            SkippedError: if this machine is another system, or lacks apt's packages.
        """
        if not self.from_apt:
            return next(iter(running("python3.12")), BASE_PYTHON)
        here = platform.freedesktop_os_release()
        if f"{here.get('ID')}-{here.get('VERSION_ID')}" != self.name:
            raise SkippedError(f"this is {here.get('PRETTY_NAME')}")
        missing = [name for name in apt_packages() if not is_installed(name)]
        if missing:
            raise SkippedError(f"run `sudo apt-get install {' '.join(missing)}` first")
        return DEBIAN_PYTHON


def systems() -> list[System]:
    """Return the systems to test."""
    jazzy = HERE / "jazzy.txt"
    pinned = (f"-r{HERE / 'ubuntu_24_04.txt'}", f"-r{BESIDE_APT}", f"-r{jazzy}", *TEST_TOOLS)
    kilted = [
        text.partition(";")[0]
        for text in metadata.requires("geoloc") or ()
        if "'ros'" in text or '"ros"' in text
    ]
    beside = (f"-r{BESIDE_APT}", *kilted)
    return [
        System("debian-12", "Kilted", beside, RECIPE / "requirements.txt", from_apt=True),
        System("ubuntu-24.04", "Jazzy", pinned, jazzy),
    ]


def running(name: str) -> Iterator[str]:
    """Yield the path of a program that runs; pyenv's links exist for programs that do not."""
    path = shutil.which(name)
    if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
        yield path


def apt_packages() -> list[str]:
    """Return the packages that rosdep installs for package.xml, and those of the tests.

    On Debian and Ubuntu a key python3-NAME is also the name of the package. Keys that end with -pip are left
    to pip, which apt's Python refuses outside an environment.
    """
    manifest = (ROOT / "package.xml").read_text(encoding="utf-8")
    keys = re.findall(r"depend>(python3-[\w-]+)</", manifest)
    return sorted(
        {key for key in keys if not key.endswith("-pip")}
        | {f"python3-{name}" for name in ("dacite", "venv", *TEST_TOOLS)}
    )


def is_installed(package: str) -> bool:
    """Return whether a package of apt is installed."""
    asked = subprocess.run(["/usr/bin/dpkg", "-s", package], capture_output=True, text=True, check=False)
    return "Status: install ok installed" in asked.stdout


def build(system: System, venv: Venv) -> None:
    """Make the environment as docs/installation.md says, with ROS 2 as wheels instead of a sourced one."""
    python = system.python()
    shutil.rmtree(venv.folder, ignore_errors=True)
    (venv.folder / STATE).mkdir(parents=True)
    flags = ["--system-site-packages"] if system.from_apt else []
    venv.call(python, "-m", "venv", *flags, venv.folder)
    venv.pip(*system.requirements)
    build_messages(venv, system.generators)
    venv.pip("--no-deps", "--editable", ROOT)


def run(venv: Venv, log: str, *words: str | Path) -> bool:
    """Run a program of the environment from the checkout; its output goes to a file."""
    environment = clean_environment(os.environ)
    environment |= {"PYTHONPATH": "", "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
    with (venv.folder.parent / f"{venv.folder.name}-{log}.log").open("wb") as output:
        command = [venv.folder / "bin" / words[0], *words[1:]]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False)
    return done.returncode == 0


def flight(venv: Venv) -> str:
    """Fly the demo with the real nodes, and return its figures; "FAILED" where there are too few fixes."""
    out = venv.folder.parent / f"{venv.folder.name}-demo"
    shutil.rmtree(out / "report", ignore_errors=True)
    if not run(venv, "demo", "geoloc", "demo", "--out", out, "--duration-s", str(FLIGHT_S)):
        return "FAILED"
    found = json.loads((out / "report" / "report.json").read_text(encoding="utf-8"))["summary"]["all"]
    if not found["fixes"]:
        return "FAILED (no fix)"
    figures = f"{found['fixes']} of {found['frames']}, {found['median_m']:.1f} m"
    good = found["availability"] >= FEWEST_FIXES and found["median_m"] <= LARGEST_MEDIAN_M
    return figures if good else f"FAILED ({figures})"


def versions(venv: Venv) -> str:
    """Return the Python and the most telling package versions of an environment."""
    code = (
        "import platform, numpy, cv2, rasterio, scipy, pyproj; print(platform.python_version(), "
        "*(module.__version__ for module in (numpy, cv2, rasterio, scipy, pyproj)))"
    )
    environment = clean_environment(os.environ) | {"PYTHONPATH": ""}
    return subprocess.run(
        [venv.python, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout


def check(system: System, lock: int, *, again: bool) -> list[str]:
    """Return the row of a system in the table."""
    venv = Venv(OUT / system.name, Ros(), lock)
    try:
        system.python()
        if again or not (venv.folder / "bin" / "geoloc").exists():
            build(system, venv)
    except (SkippedError, SetupError) as error:
        print(f"\n{system.name}: {error}", file=sys.stderr)
        return [
            system.name,
            system.ros,
            *["-"] * 6,
            *["skipped" if isinstance(error, SkippedError) else "FAILED"] * 3,
        ]
    doctor = run(venv, "doctor", "geoloc", "doctor")
    tests = run(venv, "tests", "python", "-m", "pytest", "-p", "no:cacheprovider", *TESTS)
    verdicts = ["ok" if good else "FAILED" for good in (doctor, tests)]
    return [system.name, system.ros, *versions(venv).split(), *verdicts, flight(venv)]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows below a header, in columns."""
    header = [
        "system",
        "ROS 2",
        "Python",
        "numpy",
        "OpenCV",
        "rasterio",
        "scipy",
        "pyproj",
        "doctor",
        "tests",
        "demo",
    ]
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def main() -> int:
    """Read the command line, test each system, and print the table; 1 if a system failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    known = {system.name: system for system in systems()}
    parser.add_argument("names", nargs="*", metavar="SYSTEM", help=f"Of {', '.join(known)}; default: all.")
    parser.add_argument("--again", action="store_true", help="Make the environments again.")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        parser.error(f"system {unknown[0]} is unknown; give one of {', '.join(known)}.")
    with locked(ROOT) as lock:
        rows = [check(known[name], lock, again=arguments.again) for name in arguments.names or known]
    print(f"\n{table(rows)}\n\nlogs: {OUT}")
    return int(any("FAILED" in cell for row in rows for cell in row))


if __name__ == "__main__":
    raise SystemExit(main())
