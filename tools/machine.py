# SPDX-License-Identifier: Apache-2.0
"""What the set-up finds on this machine, and how it runs commands there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WHEEL_GUARD = "_ROS_WHEELS_BOOTSTRAP_COMPLETE"
COMPILERS = ("gcc", "g++", "make", "cmake")
BASE_PYTHON = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
"""The Python outside any environment: an activated .venv must not be the one that .venv is made with."""
APT_PACKAGES = "build-essential cmake python3-dev python3-venv"


class SetupError(Exception):
    """What stops the set-up, in a sentence that says what to do."""


@dataclass(frozen=True)
class Ros:
    """Where rclpy comes from: the distro of a sourced ROS 2, or the wheels where that is empty."""

    distro: str = ""

    @property
    def sourced(self) -> bool:
        """Whether a ROS 2 installation is used instead of the wheels."""
        return bool(self.distro)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy an environment for a child Python, without what another Python's ROS wheels left in it.

    The wheels restart Python with LD_LIBRARY_PATH set to their own libraries and a guard that says it is
    done; a Python of another environment would inherit both and find the wrong libraries or none.
    """
    clean = dict(environment)
    if clean.pop(WHEEL_GUARD, None):
        clean.pop("LD_LIBRARY_PATH", None)
    clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    clean["PIP_NO_INPUT"] = "1"
    return clean


def ask_python(code: str) -> str | None:
    """Run a line in a fresh process of the base Python; returns what it prints, or None where it fails."""
    environment = clean_environment(os.environ)
    answer = subprocess.run(
        [BASE_PYTHON, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


def can_import(module: str) -> bool:
    """Whether the base Python imports a module."""
    return ask_python(f"import {module}") is not None


def find_ros(environment: Mapping[str, str], can_import: Callable[[str], bool] = can_import) -> Ros:
    """Decide between a sourced ROS 2 and the wheels.

    Args:
        environment: the variables to look at; a sourced ROS 2 sets ROS_DISTRO and AMENT_PREFIX_PATH.
        can_import: says whether this Python imports a module.

    Raises:
        SetupError: where a sourced ROS 2 lacks geographic_msgs, with the package to install.
    """
    distro = environment.get("ROS_DISTRO", "")
    if not (distro and environment.get("AMENT_PREFIX_PATH") and can_import("rclpy")):
        return Ros()
    if not can_import("geographic_msgs.msg"):
        package = f"ros-{distro}-geographic-msgs"
        raise SetupError(
            f"ROS 2 {distro} is sourced but has no geographic_msgs: sudo apt-get install {package}"
        )
    return Ros(distro)


def missing_tools(
    ros: Ros,
    which: Callable[[str], str | None] = shutil.which,
    can_import: Callable[[str], bool] = can_import,
) -> list[str]:
    """Name what the machine lacks; compilers, cmake and Python's headers are needed with the wheels alone."""
    missing = [] if can_import("ensurepip") else ["python3-venv"]
    if not ros.sourced:
        missing += [tool for tool in COMPILERS if which(tool) is None]
        if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
            missing.append("Python.h")
    return missing


def require_tools(ros: Ros) -> None:
    """Stop where the machine lacks a tool that the set-up needs.

    Raises:
        SetupError: one sentence that names what is missing and the command that installs it.
    """
    if sys.version_info < (3, 10):
        raise SetupError(
            f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.11 …"
        )
    missing = missing_tools(ros)
    if missing:
        raise SetupError(
            f"not found: {', '.join(missing)}; install with: sudo apt-get install {APT_PACKAGES}"
        )


def run_quietly(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, keep_open: int
) -> None:
    """Run a command with dots for progress; what it prints goes to a file, whose end is shown where it fails.

    Args:
        words: the command.
        folder: where it runs.
        environment: its variables.
        log: the file, written anew.
        keep_open: a descriptor that it inherits, so that a lock lasts as long as an orphan of ours.

    Raises:
        SetupError: where it fails.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=environment,
            pass_fds=[keep_open],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        wait_with_dots(process)
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise SetupError(f"this command failed: {' '.join(words)}\n{tail}")


def wait_with_dots(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process, with a dot every two seconds; it does not outlive an interruption."""
    try:
        while True:
            try:
                process.wait(2.0)
                return
            except subprocess.TimeoutExpired:
                print(".", end="", flush=True)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def numpy_limit() -> str | None:
    """Return the pip constraint that keeps numpy at the major version a sourced ROS 2 was built on."""
    major = ask_python("import numpy; print(numpy.__version__.split('.')[0])")
    return f"numpy<{int(major) + 1}" if major else None
