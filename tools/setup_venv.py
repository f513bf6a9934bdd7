#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Create `.venv` with geoloc and its dependencies, or bring it up to date.

    python3 tools/setup_venv.py            localization, evaluation, simulation and the test tools
    python3 tools/setup_venv.py --train    also training (torch)

Each step leaves a stamp, a hash of its inputs. A step whose stamp still matches is skipped. After an
interrupted step the next run starts over, because pip cannot tell a half-copied package from a complete one.
If a ROS 2 is sourced, the environment uses its rclpy, cv_bridge and geographic_msgs; otherwise ROS 2 Kilted
is installed as wheels.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import (
    BASE_PYTHON,
    Ros,
    SetupError,
    clean_environment,
    find_ros,
    numpy_limit,
    require_tools,
    run_quietly,
)

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "tools" / "geographic_msgs"
METADATA = (ROOT / "pyproject.toml", ROOT / "setup.py", ROOT / "setup.cfg")
SCRIPTS = (ROOT / "tools" / "setup_venv.py", ROOT / "tools" / "machine.py")
STATE = "geoloc-setup"
UNFINISHED = "unfinished"


@dataclass(frozen=True)
class Step:
    """A step of the set-up, which is due again when its words or files change."""

    name: str
    title: str
    run: Callable[[], None]
    words: Sequence[str]
    files: Sequence[Path] = ()

    def digest(self) -> str:
        """Return a hash of all words, and of the path and content of all files."""
        digest = hashlib.sha256("\0".join(self.words).encode())
        for file in self.files:
            digest.update(f"\0{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
        return digest.hexdigest()


class Venv:
    """The virtual environment under construction.

    Args:
        folder: folder of the environment.
        ros: source of rclpy.
        lock: file descriptor that child processes inherit, so that an orphaned pip keeps the lock.
    """

    def __init__(self, folder: Path, ros: Ros, lock: int) -> None:
        self.folder = folder
        self.ros = ros
        self.python = folder / "bin" / "python"
        self._state = folder / STATE
        self._lock = lock

    def call(self, *command: str | Path, **variables: str) -> None:
        """Run a command; write its output to a file, and show the end if it fails.

        Raises:
            SetupError: where the command fails.
        """
        words = [str(word) for word in command]
        environment = {**clean_environment(os.environ), **variables}
        run_quietly(
            words, folder=ROOT, environment=environment, log=self._state / "log.txt", keep_open=self._lock
        )

    def pip(self, *arguments: str | Path) -> None:
        """Install with the environment's pip; keep the major version of numpy that a sourced ROS 2 uses."""
        limit = numpy_limit() if self.ros.sourced else None
        constraint: list[str | Path] = []
        if limit:
            (self._state / "constraint.txt").write_text(f"{limit}\n")
            constraint = ["--constraint", self._state / "constraint.txt"]
        self.call(self.python, "-m", "pip", "install", *arguments, *constraint)

    def create(self) -> None:
        """Create the environment; with a sourced ROS 2 it includes the system's packages."""
        options = ["--system-site-packages"] if self.ros.sourced else []
        self.call(BASE_PYTHON, "-m", "venv", *options, self.folder)

    def discard(self) -> None:
        """Remove the environment, its state folder last, so that an interrupted removal is recognized."""
        for entry in self.folder.iterdir():
            if entry == self._state:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        shutil.rmtree(self.folder)

    def discard_if_broken(self) -> None:
        """Remove an environment that an interrupted run left incomplete.

        Raises:
            SetupError: where another program made the folder.
        """
        if not self.folder.exists():
            return
        if not self._state.is_dir():
            raise SetupError(f"{self.folder} was not made by this script; move it away and try again.")
        if (self._state / UNFINISHED).exists() or not self.python.exists():
            print(f"An earlier set-up was interrupted; creating {self.folder.name} again.", flush=True)
            self.discard()

    def is_done(self, step: Step) -> bool:
        """Return whether a step's stamp matches its inputs."""
        stamp = self._state / step.name
        return stamp.is_file() and stamp.read_text() == step.digest()

    def perform(self, step: Step) -> None:
        """Mark a step as begun, run it, and stamp it as done."""
        print(f"{step.title} ", end="", flush=True)
        began = time.monotonic()
        self._state.mkdir(parents=True, exist_ok=True)
        mark = self._state / UNFINISHED
        mark.write_text(step.name)
        digest = step.digest()
        try:
            step.run()
        except BaseException:
            print(flush=True)
            raise
        (self._state / step.name).write_text(digest)
        mark.unlink()
        print(f" {time.monotonic() - began:.0f} s", flush=True)


def build_messages(venv: Venv, generators: Path = RECIPE / "requirements.txt") -> None:
    """Build geographic_msgs into the environment with the wheels' own message generators.

    Args:
        venv: the environment.
        generators: requirements file that names the generators.
    """
    venv.pip("--requirement", generators)
    build = venv.folder / "build"
    site = next((venv.folder / "lib").glob("python3*/site-packages"))
    variables = {
        "AMENT_PREFIX_PATH": str(venv.folder),
        "CMAKE_PREFIX_PATH": str(venv.folder),
        "PYTHONPATH": str(site),
        "PATH": f"{venv.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CMAKE_BUILD_PARALLEL_LEVEL": str(os.cpu_count() or 1),
    }
    options = [f"-DCMAKE_INSTALL_PREFIX={venv.folder}", f"-DPython3_EXECUTABLE={venv.python}"]
    venv.call("cmake", "-S", RECIPE, "-B", build, *options, "-DCMAKE_BUILD_TYPE=Release", **variables)
    venv.call("cmake", "--build", build, **variables)
    venv.call("cmake", "--install", build, **variables)
    shutil.rmtree(build)


def link(place: Path, target: Path) -> None:
    """Create a symbolic link, or replace an existing one."""
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def place_package(venv: Venv) -> None:
    """Turn the environment into an ament prefix with geoloc, for `ros2 run` and `ros2 launch`."""
    share = venv.folder / "share"
    link(share / "ament_index" / "resource_index" / "packages" / "geoloc", ROOT / "resource" / "geoloc")
    shutil.rmtree(share / "geoloc", ignore_errors=True)
    for path in shared_paths():
        link(share / "geoloc" / path.relative_to(ROOT), path)
    shutil.rmtree(venv.folder / "lib" / "geoloc", ignore_errors=True)
    for program in programs():
        link(venv.folder / "lib" / "geoloc" / program, venv.folder / "bin" / program)


def shared_paths() -> list[Path]:
    """Return the paths to link under `share/geoloc`; `ros2 launch` finds files but not linked folders."""
    files = [
        path for top in ("launch", "config") for path in sorted((ROOT / top).rglob("*")) if path.is_file()
    ]
    return [
        ROOT / "package.xml",
        ROOT / "models",
        *(path for path in files if "__pycache__" not in path.parts),
    ]


def programs() -> list[str]:
    """Return the names of the package's programs, read from setup.py."""
    lines = (ROOT / "setup.py").read_text().splitlines()
    return [line.split('"')[1].split(" = ")[0] for line in lines if " = geoloc" in line]


def steps(venv: Venv, *, train: bool) -> Iterator[Step]:
    """Yield the steps of a complete environment in order."""
    base = (sys.version, BASE_PYTHON, str(ROOT), venv.ros.distro)
    package = (*METADATA, *SCRIPTS)
    recipe = tuple(sorted(path for path in RECIPE.rglob("*") if path.is_file()))
    extras = "lab,dev" if venv.ros.sourced else "ros,lab,dev"

    def install(extras: str) -> Callable[[], None]:
        return lambda: venv.pip("--editable", f"{ROOT}[{extras}]")

    yield Step("venv", "Virtual environment", venv.create, base)
    yield Step("package", "geoloc and its dependencies (1 GB)", install(extras), base, package)
    if not venv.ros.sourced:
        yield Step("messages", "geographic_msgs", lambda: build_messages(venv), base, (*recipe, *SCRIPTS))
    links = (*base, *map(str, shared_paths()))
    yield Step("place", "Links for ros2 run and ros2 launch", lambda: place_package(venv), links, package)
    if train:
        yield Step(
            "train", "torch and other training dependencies (5 GB)", install(f"{extras},train"), base, package
        )


def set_up(folder: Path, *, train: bool) -> None:
    """Bring the environment up to date; run only the steps that are due.

    Raises:
        SetupError: where a tool is missing or a command fails.
    """
    ros = find_ros(os.environ)
    with locked(ROOT) as lock:
        venv = Venv(folder, ros, lock)
        venv.discard_if_broken()
        for step in steps(venv, train=train):
            if venv.is_done(step):
                continue
            if step.name == "venv":
                require_tools(ros)
                if folder.exists():
                    venv.discard()
            venv.perform(step)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[int]:
    """Hold the lock of a folder, so that two set-ups never write at once; yield its file descriptor."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another set-up is running here; waiting for it to finish.", flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def main() -> int:
    """Read the command line and set up; print a failure as one sentence."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", action="store_true", help="Also install the dependencies of training.")
    parser.add_argument(
        "--venv", type=Path, default=ROOT / ".venv", help="Folder of the environment (default: .venv)."
    )
    arguments = parser.parse_args()
    try:
        set_up(arguments.venv.absolute(), train=arguments.train)
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("set-up: interrupted; the next run starts over.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
