#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fly simulated live cameras over the real nodes, each a process of its own, and measure what is answered.

PYTHONPATH=src .venv/bin/python tools/live/session.py --encoding jpeg --rate 5 --seconds 20
    --size 1280x720 --encoding rgb8 --reliable      raw pictures
    --segment                                       with 64 MB of shared memory in the camera's process
    --repeat 3                                      the same again, each with a new suite

The first run makes map and pictures in runs/live, which takes minutes. Options of camera.py are passed on.
ROS_DOMAIN_ID is kept if it is set; otherwise the session takes a domain of its own. Discovery stays on this
machine.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil
from flightlog import Figures, FlightLog, figures, read_lines, read_log
from scene import FOLDER, Scene

from geoloc.geodesy import LocalFrame

_HERE = Path(__file__).resolve().parent
NODES = ("camera_node", "inference_node", "retrieval_node")
_NODE = re.compile("|".join(NODES))
_START_S, _END_S, _SETTLE_S = 120.0, 25.0, 1.5
_DOMAINS = 100


class SessionError(Exception):
    """A process of the session failed; the message says which and where its output is."""


@dataclass(frozen=True)
class Camera:
    """The choices for camera.py."""

    size: tuple[int, int] = (1280, 720)
    rate_hz: float = 5.0
    encoding: str = "jpeg"
    reliable: bool = False
    segment: bool = False
    frame_id: str = "camera"

    @property
    def words(self) -> list[str]:
        """The options of camera.py."""
        size = f"{self.size[0]}x{self.size[1]}"
        flags = [f"--{name}" for name in ("reliable", "segment") if getattr(self, name)]
        given = ["--size", size, "--rate", f"{self.rate_hz:g}", "--encoding", self.encoding]
        return [*given, "--frame-id", self.frame_id, *flags]


class Child:
    """A process of the session, whose output is in a file; `end` is the signal that ends it."""

    def __init__(self, words: Sequence[str], output: Path, end: signal.Signals = signal.SIGTERM) -> None:
        self.output, self._end = output, end
        with output.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, *words], stdin=subprocess.PIPE, stdout=stream, stderr=stream, text=True
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def say(self, order: str) -> None:
        """Give an order, as drone_clock.py reads them.

        Raises:
            SessionError: if the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise SessionError(
                f"'{order}' came too late, the process has ended; see {self.output}."
            ) from None

    def stop(self) -> None:
        """End the process and wait for it."""
        if self.runs:
            self._process.send_signal(self._end)
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@dataclass
class Usage:
    """Memory (MB) and CPU time (s) of a node's process once a second: (monotonic time, RSS, CPU time)."""

    name: str
    rows: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass
class Suite:
    """The three nodes in a namespace, with probe and drone."""

    namespace: str
    up: Child
    probe: Child
    heard: Path
    lead: float
    usage: dict[int, Usage] = field(default_factory=dict)
    autopilot: Child | None = None
    sent: list[Path] = field(default_factory=list)

    def nodes(self) -> dict[str, psutil.Process]:
        """Return the running nodes by name."""
        found = {}
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.up.pid).children():
                with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    name = _NODE.search(" ".join(process.cmdline()[:3]))  # python -c "from … import …"
                    if name and process.status() != psutil.STATUS_ZOMBIE:
                        found[name[0]] = process
        return found


class Session:
    """Suites, drones and probes; a context manager that ends all of them.

    Args:
        scene: the prepared scene.
        folder: folder for logs, whose old logs are deleted; None for a temporary one.
    """

    def __init__(self, scene: Scene, folder: Path | None = None) -> None:
        self.scene = scene
        self._stack = ExitStack()
        self._folder = folder or Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._frame: LocalFrame = scene.frame()
        self._children: list[Child] = []
        self._suites: list[Suite] = []
        self._ending = threading.Event()
        self._watch = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "Session":
        # So that SIGTERM ends the nodes, too.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        self._stack.callback(signal.signal, signal.SIGTERM, before)
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in (*self._folder.glob("*.jsonl"), *self._folder.glob("*.log")):
            old.unlink()
        os.environ.setdefault("ROS_DOMAIN_ID", str(1 + os.getpid() % _DOMAINS))
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._watch.join()
        for child in reversed(self._children):
            child.stop()
        self._stack.close()

    def bring_up(
        self, namespace: str = "geoloc", *options: str, lead: float = 0.0, launch: bool = False
    ) -> Suite:
        """Start the nodes and a probe; options go to the command.

        Args:
            namespace: namespace of the nodes.
            options: options of `geoloc up`, or launch arguments.
            lead: head start of the drone on its loop.
            launch: whether to start them by launch/bringup.launch.py instead of `geoloc up`.
        """
        heard = self._folder / f"{namespace}-heard.jsonl"
        chosen = {"map": str(self.scene.map), "namespace": namespace}
        if launch:
            words = [str(_HERE / "bringup.py"), *(f"{name}:={value}" for name, value in chosen.items())]
        else:
            given = [word for name, value in chosen.items() for word in (f"--{name}", value)]
            words = ["-c", "from geoloc.cli import main; main()", "up", *given]
        probe = self.start(
            [str(_HERE / "probe.py"), "--namespace", namespace, "--out", str(heard)], f"{namespace}-probe"
        )
        # At SIGTERM, launch would leave its nodes behind.
        end = signal.SIGINT if launch else signal.SIGTERM
        up = self.start([*words, *options], f"{namespace}-up", end)
        suite = Suite(namespace, up, probe, heard, lead)
        self._suites.append(suite)
        return suite

    def await_nodes(self, suite: Suite) -> None:
        """Wait until every node of a suite reports.

        Raises:
            SessionError: if one does not within two minutes.
        """

        def ready() -> bool:
            return _reported(suite) == set(suite.nodes()) == set(NODES)

        self.until(ready, "the nodes run and report on /diagnostics", suite.up)

    def take_off(self, suite: Suite, width: int, *options: str) -> Child:
        """Start the drone's other sensors; options go to autopilot.py."""
        words = [str(_HERE / "autopilot.py"), "--width", str(width), *self._of(suite)]
        suite.autopilot = self.start([*words, *options], f"{suite.namespace}-autopilot")
        return suite.autopilot

    def film(self, suite: Suite, camera: Camera, *options: str) -> Child:
        """Start a camera and wait until it has its pictures; further options go to camera.py.

        Raises:
            SessionError: if it is not ready within two minutes.
        """
        log = self._folder / f"{suite.namespace}-sent-{len(suite.sent)}.jsonl"
        suite.sent.append(log)
        words = [str(_HERE / "camera.py"), *camera.words, *self._of(suite), "--log", str(log), *options]
        child = self.start(words, f"{suite.namespace}-camera")
        self.until(log.is_file, "the camera is ready", child)
        return child

    def read(self, suite: Suite, width: int) -> FlightLog:
        """Return what was sent and heard so far."""
        return read_log(suite.sent, suite.heard, self.scene.loop(width), suite.lead, self._frame)

    def until(
        self, condition: Callable[[], bool], what: str, child: Child, limit_s: float = _START_S
    ) -> None:
        """Wait until a condition holds.

        Raises:
            SessionError: if it does not in time, or the process ends.
        """
        deadline = time.monotonic() + limit_s
        while not condition():
            if not child.runs or time.monotonic() > deadline:
                tail = child.output.read_text(errors="replace")[-2000:]
                raise SessionError(f"waited in vain that {what}; the output of the process ends so:\n{tail}")
            time.sleep(0.1)

    def _of(self, suite: Suite) -> list[str]:
        own = ["--namespace", suite.namespace, "--lead", f"{suite.lead:g}"]
        return [*own, "--scene", str(self.scene.folder), *(["--narrow"] if self.scene.narrow else [])]

    def start(self, words: Sequence[str], name: str, end: signal.Signals = signal.SIGTERM) -> Child:
        """Start a Python process that ends with the session.

        Args:
            words: arguments of Python.
            name: name of the file for its output.
            end: signal that ends it.
        """
        child = Child(words, self._folder / f"{name}.log", end)
        self._children.append(child)
        return child

    def _sample(self) -> None:
        while not self._ending.wait(1.0):
            for suite in list(self._suites):
                for name, process in suite.nodes().items():
                    with suppress(psutil.NoSuchProcess), process.oneshot():
                        rss_mb, cpu = process.memory_info().rss / 1e6, process.cpu_times()
                        rows = suite.usage.setdefault(process.pid, Usage(name)).rows
                        rows.append((time.monotonic(), rss_mb, cpu.user + cpu.system))


def _reported(suite: Suite) -> set[str]:
    names = {line["name"] for line in read_lines(suite.heard) if line["kind"] == "health"}
    return {node for node in NODES if any(node in name for name in names)}


@dataclass(frozen=True)
class Measured:
    """The result of a flight with one camera.

    Attributes:
        figures: figures from the first answered frame on.
        first_fix_s: seconds from the first frame to the first fix; NaN without one.
        log: the log of the flight.
        rss_mb: largest resident memory by node.
        cpu_share: mean share of a core by node.
    """

    figures: Figures
    first_fix_s: float
    log: FlightLog
    rss_mb: dict[str, float]
    cpu_share: dict[str, float]


def measure(scene: Scene, camera: Camera, seconds: float, *up_options: str) -> Measured:
    """Fly a camera for some seconds over a new suite.

    Raises:
        SessionError: if a process fails.
    """
    with Session(scene) as session:
        suite = session.bring_up("geoloc", *up_options)
        session.take_off(suite, camera.size[0])
        child = session.film(suite, camera, "--hold")
        session.await_nodes(suite)
        child.say("go")
        time.sleep(seconds)
        child.say("stop")
        time.sleep(_SETTLE_S)
        if not (child.runs and suite.up.runs):
            raise SessionError(f"camera or nodes ended in flight; see {child.output} and {suite.up.output}.")
        return measured(session.read(suite, camera.size[0]), suite)


def measured(log: FlightLog, suite: Suite) -> Measured:
    """Return the result of a flight."""
    first = min((one.wall_ns for one in log.answers.values()), default=None)
    first_s = (first - log.sent[0].wall_ns) / 1e9 if first is not None else float("nan")
    rss, cpu = defaultdict(float), defaultdict(float)
    for usage in suite.usage.values():
        rss[usage.name] = max(rss[usage.name], *(row[1] for row in usage.rows))
        if len(usage.rows) > 1:
            (begin_s, _, begin_cpu), (end_s, _, end_cpu) = usage.rows[0], usage.rows[-1]
            cpu[usage.name] = (end_cpu - begin_cpu) / (end_s - begin_s)
    return Measured(figures(log.after_first_fix()), first_s, log, dict(rss), dict(cpu))


def sentence(result: Measured) -> str:
    """Return the figures of a flight in a line or two."""
    found, log = result.figures, result.log
    losses = ("refused", "dropped", "lost_in_transport", "overrun")
    counts = ", ".join(f"{name} {log.counted(name)}" for name in losses)
    use = ", ".join(
        f"{name} {mb:.0f} MB {100 * result.cpu_share.get(name, 0):.0f} %"
        for name, mb in result.rss_mb.items()
    )
    return (
        f"answered {found.answered}/{found.sent} ({100 * found.share:.1f} %) after the first fix, "
        f"of {len(log.sent)} sent; first fix {result.first_fix_s:.1f} s; "
        f"p50 {found.p50_ms:.0f} p95 {found.p95_ms:.0f} "
        f"p99 {found.p99_ms:.0f} max {found.max_ms:.0f} ms; error {found.median_m:.2f} / {found.p95_m:.2f} / "
        f"{found.max_m:.1f} m\n  {counts}; {use}"
    )


def main() -> None:
    """Measure one camera and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", default="1280x720", help="Width x height in pixels.")
    parser.add_argument("--rate", type=float, default=5.0, help="Frames per second.")
    parser.add_argument("--encoding", choices=("rgb8", "bgr8", "jpeg"), default="jpeg")
    parser.add_argument("--reliable", action="store_true", help="A reliable camera.")
    parser.add_argument("--segment", action="store_true", help="64 MB of shared memory for the camera.")
    parser.add_argument("--seconds", type=float, default=20.0, help="Duration of the flight.")
    parser.add_argument("--repeat", type=int, default=1, help="Number of flights.")
    parser.add_argument("--params-file", help="ROS parameter file for the nodes.")
    parser.add_argument("--scene", type=Path, default=FOLDER, help="Folder of map and pictures.")
    given = parser.parse_args()
    width, _, height = given.size.partition("x")
    camera = Camera((int(width), int(height)), given.rate, given.encoding, given.reliable, given.segment)
    scene = Scene(given.scene)
    scene.prepare((camera.size,))
    options = ["--params-file", given.params_file] if given.params_file else []
    for _ in range(given.repeat):
        load = os.getloadavg()[0]
        print(f"load {load:.1f}: {sentence(measure(scene, camera, given.seconds, *options))}", flush=True)


if __name__ == "__main__":
    main()
