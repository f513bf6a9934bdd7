# SPDX-License-Identifier: Apache-2.0
"""Section ROS 2: distribution, rclpy, messages and middleware that this Python finds."""

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from geoloc.doctor.report import Entry, note, ok, problem
from geoloc.doctor.versions import installed_version

_MESSAGES = (
    "sensor_msgs",
    "geometry_msgs",
    "nav_msgs",
    "std_msgs",
    "std_srvs",
    "diagnostic_msgs",
    "rosgraph_msgs",
    "geographic_msgs",
)
_NO_MIDDLEWARE = {"rmw_implementation"}  # selects a middleware, and is none itself


def ros_entries() -> Iterator[Entry]:
    """Yield the distribution, rclpy, the message packages and the middleware."""
    distro = os.environ.get("ROS_DISTRO", "")
    named = distro if re.fullmatch(r"[a-z]{2,20}", distro) else ""
    if importlib.util.find_spec("rclpy") is None:
        if not named:
            yield note(
                "ROS 2 is not installed, and only the nodes need it; run `make setup`, or source your ROS 2."
            )
            return
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        yield problem(
            f"ROS_DISTRO is {named}, but this Python {python} cannot import rclpy; use the Python that ROS 2 "
            "was built for, and create a venv with --system-site-packages."
        )
        return
    wheels = installed_version("ros-rclpy")
    version = wheels or installed_version("rclpy") or "(version unknown)"
    where = "installed from wheels" if wheels else f"sourced, ROS_DISTRO is {named or 'not set'}"
    yield ok(f"rclpy {version}, {where}")
    missing = [name for name in _MESSAGES if importlib.util.find_spec(name) is None]
    if missing:
        packages = " ".join(f"ros-{named or '$ROS_DISTRO'}-{name.replace('_', '-')}" for name in missing)
        yield problem(
            f"message packages not found: {', '.join(missing)}; "
            f"run `sudo apt install {packages}` or `make setup`."
        )
    else:
        yield ok(f"message packages: {', '.join(_MESSAGES)}")
    yield _middleware_entry()


def _middleware_entry() -> Entry:
    installed = _middlewares()
    chosen = os.environ.get("RMW_IMPLEMENTATION", "")
    known = ", ".join(installed) or "none found"
    if chosen and chosen not in installed:
        return problem(
            f"RMW_IMPLEMENTATION names a middleware that is not installed (installed: {known}); unset it, or "
            "install that middleware."
        )
    return ok(f"middleware: {chosen or 'default'} (installed: {known})")


def _middlewares() -> list[str]:
    prefixes = [*os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep), sys.prefix]
    folders = [
        Path(prefix, "share/ament_index/resource_index/rmw_typesupport") for prefix in prefixes if prefix
    ]
    names = {file.name for folder in folders if folder.is_dir() for file in folder.iterdir()}
    return sorted(names - _NO_MIDDLEWARE)
