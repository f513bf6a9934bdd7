# SPDX-License-Identifier: Apache-2.0
"""Inspects the machine for the set-up, and runs the set-up's commands."""

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
"""The Python outside any environment, because an activated .venv cannot create itself."""
APT_PACKAGES = "build-essential cmake python3-dev python3-venv"


class SetupError(Exception):
    """An error that stops the set-up; the message says what to do."""


@dataclass(frozen=True)
class Ros:
    """The source of rclpy: the distro of a sourced ROS 2, or the wheels if `distro` is empty."""

    distro: str = ""

    @property
    def sourced(self) -> bool:
        """Whether a ROS 2 installation is used instead of the wheels."""
        return bool(self.distro)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for a child Python, without the variables that another Python's wheels set.

    The wheels restart Python with LD_LIBRARY_PATH set to their libraries and with a guard variable that marks
    the restart. A Python of another environment would inherit both and load the wrong libraries or none.
    """
    clean = dict(environment)
    if clean.pop(WHEEL_GUARD, None):
        clean.pop("LD_LIBRARY_PATH", None)
    clean["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    clean["PIP_NO_INPUT"] = "1"
    return clean


def ask_python(code: str) -> str | None:
    """Run code in a new process of the base Python; return its output, or None if it fails."""
    environment = clean_environment(os.environ)
    answer = subprocess.run(
        [BASE_PYTHON, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


def can_import(module: str) -> bool:
    """Return whether the base Python can import a module."""
    return ask_python(f"import {module}") is not None


def find_ros(environment: Mapping[str, str], can_import: Callable[[str], bool] = can_import) -> Ros:
    """Return the source of rclpy: a sourced ROS 2 or the wheels.

    Args:
        environment: environment variables; a sourced ROS 2 sets ROS_DISTRO and AMENT_PREFIX_PATH.
        can_import: function that returns whether the base Python can import a module.

    Raises:
        SetupError: where a sourced ROS 2 lacks geographic_msgs; the message names the package to install.
    """
    distro = environment.get("ROS_DISTRO", "")
    if not (distro and environment.get("AMENT_PREFIX_PATH") and can_import("rclpy")):
        return Ros()
    if not can_import("geographic_msgs.msg"):
        package = f"ros-{distro}-geographic-msgs"
        raise SetupError(
            f"ROS 2 {distro} is sourced but lacks geographic_msgs; "
            f"install it with `sudo apt-get install {package}`."
        )
    return Ros(distro)


def missing_tools(
    ros: Ros,
    which: Callable[[str], str | None] = shutil.which,
    can_import: Callable[[str], bool] = can_import,
) -> list[str]:
    """Return the names of missing tools; only the wheels need compilers, cmake and Python's headers."""
    missing = [] if can_import("ensurepip") else ["python3-venv"]
    if not ros.sourced:
        missing += [tool for tool in COMPILERS if which(tool) is None]
        if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
            missing.append("Python.h")
    return missing


def require_tools(ros: Ros) -> None:
    """Raise an error if the machine lacks a tool that the set-up needs.

    Raises:
        SetupError: the message names the missing tools and the command that installs them.
    """
    if sys.version_info < (3, 10):
        raise SetupError(
            f"Python {sys.version.split()[0]} is too old; name 3.10 or newer with `make PYTHON=python3.11 …`."
        )
    missing = missing_tools(ros)
    if missing:
        raise SetupError(
            f"not found: {', '.join(missing)}; install with `sudo apt-get install {APT_PACKAGES}`."
        )


def run_quietly(
    words: Sequence[str], *, folder: Path, environment: Mapping[str, str], log: Path, keep_open: int
) -> None:
    """Run a command with dots for progress; write its output to a file, and show the end if it fails.

    Args:
        words: words of the command.
        folder: working directory.
        environment: environment variables.
        log: file for the output, which is overwritten.
        keep_open: file descriptor that the command inherits, so that an orphaned command keeps the lock.

    Raises:
        SetupError: where the command fails; the message ends with its output.
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
    """Wait for a process and print a dot every two seconds; kill the process on an interruption."""
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
    """Return the pip constraint that keeps numpy at the major version that a sourced ROS 2 uses."""
    major = ask_python("import numpy; print(numpy.__version__.split('.')[0])")
    return f"numpy<{int(major) + 1}" if major else None
