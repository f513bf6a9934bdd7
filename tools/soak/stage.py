# SPDX-License-Identifier: Apache-2.0
"""The stage on which a scenario plays: suites, drones, cameras, and the record of what was done to them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from session import NODES, Camera, Child, Session, Suite
from verdict import Disturbance, Flown

STEADY = Camera()
"""The camera of most scenarios: JPEG, 1280 x 720, 5 Hz, best effort."""

_BACK_S = 60.0
_SETTLE_S = 3.0


class Skipped(Exception):  # noqa: N818 - not an error
    """A scenario cannot be played on this machine; the message says why."""


@dataclass
class Act:
    """One suite on the stage, with its drone."""

    name: str
    session: Session
    suite: Suite
    width: int
    by_rate: bool = False
    cameras: list[Child] = field(default_factory=list)
    disturbances: list[Disturbance] = field(default_factory=list)
    ended_by_us: set[int] = field(default_factory=set)
    found: list[str] = field(default_factory=list)
    began_ns: int = 0

    def film(self, camera: Camera, *options: str) -> Child:
        """Start a camera."""
        child = self.session.film(self.suite, camera, *options)
        self.cameras.append(child)
        return child

    def await_fix(self) -> None:
        """Wait for the first fix, and a few seconds more; the measurement begins here."""

        def answered() -> bool:
            return bool(self.session.read(self.suite, self.width).answers)

        self.session.until(answered, "a frame is answered", self.suite.up, _BACK_S)
        time.sleep(_SETTLE_S)
        self.began_ns = time.time_ns()

    @contextmanager
    def disturbed(self, name: str, *, from_end: bool = False) -> Iterator[None]:
        """Record a disturbance, which lasts as long as the `with` block; `from_end`: see `Disturbance`."""
        began_ns = time.time_ns()
        yield
        self.disturbances.append(Disturbance(name, began_ns, time.time_ns(), from_end))

    def end_nodes(self, names: Sequence[str], *, kill: bool = False) -> None:
        """End nodes in this order, and wait until all of them are ready again."""
        self.session.until(
            lambda: set(names) <= set(self.suite.nodes()), f"{', '.join(names)} run", self.suite.up, _BACK_S
        )
        processes = [self.suite.nodes()[name] for name in names]
        before = self._times_ready()
        for process in processes:
            self.ended_by_us.add(process.pid)
            if kill:
                process.kill()
            else:
                process.terminate()

        def back() -> bool:
            now = self._times_ready()
            return all(now[name] > before[name] for name in names)

        self.session.until(back, f"{', '.join(names)} are ready again", self.suite.up, _BACK_S)

    def _times_ready(self) -> dict[str, int]:
        """Return how often each node has said that it is ready."""
        said = self.suite.up.output.read_text(errors="replace")
        return {name: said.count(f"{name}]: ready") for name in NODES}

    def flown(self, ended_ns: int) -> Flown:
        """Return the record of this suite."""
        now = self.suite.nodes()
        running = {process.pid for process in now.values()}
        usage = self.suite.usage.items()
        gone = {one.name for pid, one in usage if pid not in running | self.ended_by_us} | set(NODES) - set(
            now
        )
        wall_s = time.time() - time.monotonic()
        return Flown(
            self.name,
            self.session.read(self.suite, self.width),
            self.began_ns,
            ended_ns,
            tuple(self.disturbances),
            {pid: (one.name, [(at_s + wall_s, mb) for at_s, mb, _ in one.rows]) for pid, one in usage},
            sorted(gone),
            tuple(self.found),
            self.by_rate,
        )


@dataclass
class Stage:
    """Where a scenario plays.

    Attributes:
        session: session of the scenario.
        name: name of the scenario.
        seconds: time to watch after each disturbance.
    """

    session: Session
    name: str
    seconds: float
    acts: list[Act] = field(default_factory=list)

    def open(
        self,
        camera: Camera = STEADY,
        *up_options: str,
        namespace: str = "geoloc",
        lead: float = 0.0,
        autopilot: Sequence[str] = (),
        by_rate: bool = False,
    ) -> Act:
        """Start a suite, its drone and its camera, and wait for the first fix."""
        name = self.name if namespace == "geoloc" else f"{self.name} {namespace}"
        suite = self.session.bring_up(namespace, "--respawn", *up_options, lead=lead)
        act = Act(name, self.session, suite, camera.size[0], by_rate)
        self.acts.append(act)
        self.session.take_off(suite, camera.size[0], *autopilot)
        child = act.film(camera, "--hold")
        self.session.await_nodes(suite)
        child.say("go")
        act.await_fix()
        return act

    def watch(self, seconds: float | None = None) -> None:
        """Let the flight go on."""
        time.sleep(self.seconds if seconds is None else seconds)

    def close(self) -> list[Flown]:
        """Let the last answers come, and return the records."""
        ended_ns = time.time_ns()
        time.sleep(1.0)
        return [act.flown(ended_ns) for act in self.acts]
