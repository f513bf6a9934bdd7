# SPDX-License-Identifier: Apache-2.0
"""Start nodes as processes and watch them, for machines without the ROS 2 launch system."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from geoloc.errors import GeolocError
from geoloc.nodes.startup.programs import RESPAWN_DELAY_S, USER_MISTAKE, NodeStart

_POLL_S = 0.1


class NodeError(GeolocError):
    """A node ended unexpectedly; its own output gives the reason."""


def command(start: NodeStart, own_parameters: Path) -> list[str]:
    """Return the command line of a node's process.

    Args:
        start: description of the node's start.
        own_parameters: parameter file with `start.parameters`, as `parameter_text` writes it.
    """
    module, function = start.entry.program.split(":")
    words = [sys.executable, "-c", f"from {module} import {function}; {function}()", "--ros-args"]
    if start.namespace:
        words += ["--remap", f"__ns:=/{start.namespace}"]
    for old, new in start.remappings:
        words += ["--remap", f"{old}:={new}"]
    for file in (*start.parameter_files, own_parameters):
        words += ["--params-file", str(file)]
    return [*words, "--log-level", start.log_option]


def parameter_text(start: NodeStart) -> str:
    """Return a node's own parameters as a ROS parameter file; the full name overrides every wildcard."""
    return yaml.safe_dump({start.full_name: {"ros__parameters": start.parameters}})


@dataclass
class _Process:
    start: NodeStart
    words: list[str]
    running: subprocess.Popen[bytes]
    start_again_s: float | None = None


class Processes:
    """Nodes that run as child processes; see `running`."""

    def __init__(self) -> None:
        self._processes: list[_Process] = []

    def add(self, start: NodeStart, folder: Path) -> None:
        """Start a node; its own parameters are written into the folder."""
        own_parameters = folder / f"{start.entry.name}.yaml"
        own_parameters.write_text(parameter_text(start), encoding="utf-8")
        words = command(start, own_parameters)
        self._processes.append(_Process(start, words, _popen(words)))

    def code(self, name: str) -> int | None:
        """Return the exit code of a node; None while the node runs."""
        return next(process.running.poll() for process in self._processes if process.start.entry.name == name)

    def check(self, *, respawn: bool = False) -> None:
        """Check that every node still runs.

        Args:
            respawn: restart a crashed node after `RESPAWN_DELAY_S` instead of raising.

        Raises:
            NodeError: if a node ended and is not restarted. A node that a user's mistake stopped is never
                restarted.
        """
        for process in self._processes:
            code = process.running.poll()
            if code is None:
                continue
            if not respawn or code == USER_MISTAKE:
                raise NodeError(
                    f"{process.start.entry.name} ended with code {code}; see its own message above."
                )
            _respawn(process, code)

    def wait(self, *, respawn: bool = False) -> None:
        """Watch the nodes until the caller is interrupted.

        Raises:
            NodeError: see `check`.
        """
        while True:
            self.check(respawn=respawn)
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """Terminate every node, give it time to close, and kill the nodes that do not close."""
        for process in self._processes:
            if process.running.poll() is None:
                process.running.terminate()
        asked_s = time.monotonic()
        for process in self._processes:
            try:
                patience_s = process.start.entry.patience_s
                process.running.wait(max(0.0, asked_s + patience_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.running.kill()
                process.running.wait()


@contextmanager
def running(starts: Sequence[NodeStart]) -> Iterator[Processes]:
    """Start nodes, and stop them at the end of the `with` block, also after an exception.

    SIGTERM raises KeyboardInterrupt in the block, as Ctrl-C does. Call this in the main thread.

    Args:
        starts: starts of all nodes from `programs.bring_up`, or of single ones from `programs.start`.
    """
    with _interrupt_on_sigterm(), tempfile.TemporaryDirectory(prefix="geoloc-") as folder:
        processes = Processes()
        try:
            for start in starts:
                processes.add(start, Path(folder))
            yield processes
        finally:
            processes.stop()


@contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _popen(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


def _respawn(process: _Process, code: int) -> None:
    now_s = time.monotonic()
    if process.start_again_s is None:
        name, process.start_again_s = process.start.entry.name, now_s + RESPAWN_DELAY_S
        print(
            f"geoloc: {name} ended with code {code}; restarting it in {RESPAWN_DELAY_S:g} s.",
            file=sys.stderr,
        )
    elif now_s >= process.start_again_s:
        process.start_again_s, process.running = None, _popen(process.words)
