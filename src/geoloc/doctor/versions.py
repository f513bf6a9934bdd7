# SPDX-License-Identifier: Apache-2.0
"""Section on versions: geoloc, Python, the machine, and the packages that geoloc requires."""

import importlib
import importlib.util
import os
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from geoloc import __version__
from geoloc.doctor.report import Entry, note, ok, problem
from geoloc.errors import clause

_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;.*\bextra\s*==\s*['\"]([\w-]+)['\"])?")
_MODULES = {"opencv-python-headless": "cv2", "faiss-cpu": "faiss", "pyyaml": "yaml", "pillow": "PIL"}
_DISPENSABLE = {"faiss-cpu": "so searches compare every tile"}
_EXTRAS = ("lab", "train", "openvino")


def version_entries() -> Iterator[Entry]:
    """Yield geoloc, Python, operating system, processor, memory, and the required packages."""
    yield ok(f"geoloc {__version__}, Python {platform.python_version()} ({platform.python_implementation()})")
    yield ok(f"{_system_name()}, {platform.system()} {platform.release()} {platform.machine()}")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield ok(f"{_processor()}, {cores} of {os.cpu_count()} cores usable, {_memory()}")
    yield from _package_entries()


def installed_version(distribution: str) -> str:
    """Return the version of a distribution; empty if it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _package_entries() -> Iterator[Entry]:
    try:
        requirements = metadata.requires("geoloc") or []
    except metadata.PackageNotFoundError:
        yield note(
            "geoloc is imported from the path and not installed, so its requirements are unknown; "
            "run `make setup`."
        )
        return
    by_extra: dict[str, list[tuple[str, str]]] = {}
    for requirement in requirements:
        found = _REQUIREMENT.match(requirement)
        if found and found[1] != "geoloc":
            by_extra.setdefault(found[3] or "", []).append((found[1].lower(), found[2].strip()))
    for name, wanted in by_extra.get("", []):
        yield _base_entry(name, wanted)
    for extra in _EXTRAS:
        yield _extra_entry(extra, [name for name, _ in by_extra.get(extra, [])])


def _base_entry(name: str, wanted: str) -> Entry:
    """Import a package of the base installation, and compare its version with the required one."""
    module, version = _MODULES.get(name, name.replace("-", "_")), installed_version(name)
    remedy = f"run `pip install '{name}{wanted}'`"
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        if name in _DISPENSABLE:
            return note(f"{name} is not installed, {_DISPENSABLE[name]}; {remedy}.")
        said = (
            "is not installed"
            if importlib.util.find_spec(module) is None
            else f"cannot be imported ({clause(error)})"
        )
        return problem(f"{name} {said}; {remedy}.")
    version = version or str(getattr(loaded, "__version__", ""))
    least = re.search(r">=\s*([\d.]+)", wanted)
    if least and version and _numbers(version) < _numbers(least[1]):
        return problem(f"{name} {version} is too old, because geoloc requires {wanted}; {remedy}.")
    return ok(f"{name} {version or '(version unknown)'}")


def _extra_entry(extra: str, names: list[str]) -> Entry:
    missing = [
        name for name in names if importlib.util.find_spec(_MODULES.get(name, name.replace("-", "_"))) is None
    ]
    if missing:
        return note(
            f"extra {extra} lacks {', '.join(missing)}; run `pip install 'geoloc[{extra}]'` if you need it."
        )
    versions = ", ".join(f"{name} {installed_version(name)}" for name in names)
    return ok(f"extra {extra}: {versions or 'nothing'}")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.match(r"[\d.]*", version)[0].split(".") if part)  # type: ignore[index]


def _system_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown system")
    except OSError:
        return "unknown system"


def _processor() -> str:
    """Return the name of the processor, or of the board on an embedded computer."""
    board = Path("/proc/device-tree/model")
    if board.is_file():
        return board.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    found = _proc_value("/proc/cpuinfo", "model name")
    return found or platform.processor() or platform.machine()


def _memory() -> str:
    total, free = (_proc_value("/proc/meminfo", name).split() for name in ("MemTotal", "MemAvailable"))
    if not (total and free):
        return "memory size unknown"
    return f"{int(total[0]) / 2**20:.1f} GiB of memory ({int(free[0]) / 2**20:.1f} GiB free)"


def _proc_value(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next(
        (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name), ""
    )
