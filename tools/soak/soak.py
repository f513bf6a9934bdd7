#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Soak the real nodes: end, kill and stop them in flight, and see whether the fixes come back.

Camera, autopilot, probe and nodes are processes of their own, in a domain of their own; the flight is that of
tools/live. From 5 s after each disturbance, 90 % of the undisturbed run's answers must come; a disturbance by
which a node ends lasts until the node says that it is ready again. No fix may be more than 50 m off, memory
must not grow, and no node may end by itself. The exit code is 1 if any of this does not hold, with a sentence
for each case.

make soak                                              all scenarios, also as runs/soak.json; up to 15 minutes
.venv/bin/python tools/soak/soak.py --only kill pause  some; the undisturbed run is always flown
.venv/bin/python tools/soak/soak.py --list

In the table, `back s` counts from a kill, or from the end of a pause; RSS is that of all nodes together.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))

from scenarios import SCENARIOS
from scene import ALL_SIZES, FOLDER, Scene
from session import Session, SessionError
from stage import Skipped, Stage
from verdict import HEAD, LEAST_SHARE, Baseline, Flown, baseline, complaints, line, rows

_OUT = Path("runs/soak.json")
_LIMIT_S = 780.0  # a scenario that has begun by then ends within 15 minutes
_BASE = "undisturbed"
_BUSY = 0.6  # load per core before the soak


def play(name: str, scene: Scene, seconds: float) -> list[Flown]:
    """Play a scenario with new suites, and return the record of each suite.

    Raises:
        SessionError: if a process fails.
        Skipped: if it cannot be played on this machine.
    """
    with Session(scene, Path("runs/soak") / name) as session:
        stage = Stage(session, name, seconds)
        SCENARIOS[name](stage)
        return stage.close()


class Soak:
    """The table, the complaints and the JSON of a soak, as they grow."""

    def __init__(self) -> None:
        self.base: Baseline | None = None
        self.complaints: list[str] = []
        self.skipped: list[str] = []
        self._rows: list[dict[str, Any]] = []
        self._memory: dict[str, Any] = {}

    def play(self, name: str, scene: Scene, seconds: float) -> None:
        """Play a scenario; print and keep what came of it."""
        _progress(f"{name}: {(SCENARIOS[name].__doc__ or '').strip()}")
        try:
            flights = play(name, scene, seconds)
        except Skipped as reason:
            self.skipped.append(f"{name} is left out: {reason}.")
            print(self.skipped[-1], flush=True)
        except SessionError as error:
            self.complaints.append(f"{name}: {error}")
            print(f"{name}: did not end as planned; see below", flush=True)
        else:
            _progress("")
            for flown in flights:
                self._take(flown)

    def _take(self, flown: Flown) -> None:
        if self.base is None:
            self.base = baseline(flown)
            if self.base.share < LEAST_SHARE:
                share = f"only {100 * self.base.share:.0f} % of the frames were answered"
                self.complaints.append(f"{flown.name}: {share}; soak an idle machine, or see runs/soak.")
        for row in rows(flown):
            print(line(row), flush=True)
            self._rows.append({**asdict(row), "share": row.share})
        self.complaints += complaints(flown, self.base)
        self._memory[flown.name] = [
            {"node": name, "pid": pid, "seconds_mb": [[round(at_s, 1), round(mb, 1)] for at_s, mb in series]}
            for pid, (name, series) in flown.memory.items()
        ]

    def write(self, out: Path, load: tuple[float, float]) -> None:
        """Write the results as JSON; inf and NaN become null."""
        out.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "cores": os.cpu_count(),
            "load_at_begin_and_end": load,
            "rows": [{key: _plain(value) for key, value in row.items()} for row in self._rows],
            "complaints": self.complaints,
            "skipped": self.skipped,
            "memory": self._memory,
        }
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _plain(value: object) -> object:
    """Return a value of JSON, which knows no NaN."""
    return None if isinstance(value, float) and value - value != 0 else value


def _progress(text: str) -> None:
    """Show a line on a terminal, in place of the last one; nothing in a log."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="" if text else "\r", file=sys.stderr, flush=True)


def main() -> None:
    """Play the scenarios and exit with 1 if one did not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=SCENARIOS, metavar="NAME", help="Scenarios to play; all by default."
    )
    parser.add_argument("--list", action="store_true", help="List the scenarios.")
    parser.add_argument(
        "--seconds", type=float, default=12.0, help="Seconds to watch after each disturbance, above 6."
    )
    parser.add_argument("--out", type=Path, default=_OUT, help="JSON file to write.")
    options = parser.parse_args()
    if options.list:
        print("\n".join(f"{name:<14}{(play.__doc__ or '').strip()}" for name, play in SCENARIOS.items()))
        return
    if options.seconds <= 6:
        parser.error("the answers are judged from 5 s after a disturbance; give --seconds above 6")
    raise SystemExit(run(options))


def run(options: argparse.Namespace) -> int:
    """Play the chosen scenarios; return the exit code."""
    scene, soak, load = Scene(FOLDER), Soak(), os.getloadavg()[0]
    scene.prepare(ALL_SIZES)
    busy = load > _BUSY * (os.cpu_count() or 1)
    hint = ": busy, so answers will be missing; soak an idle machine" if busy else ""
    print(f"load {load:.1f} on {os.cpu_count()} cores{hint}\n{HEAD}", flush=True)
    began_s = time.monotonic()
    for name in (_BASE, *(one for one in options.only or SCENARIOS if one != _BASE)):
        if time.monotonic() - began_s > _LIMIT_S:
            soak.complaints.append(f"{name}: left out, because the time is over; use --only {name}.")
            continue
        soak.play(name, scene, options.seconds)
        if soak.base is None:
            break
    soak.write(options.out, (load, os.getloadavg()[0]))
    for sentence in soak.complaints:
        print(f"FAILED {sentence}")
    print(f"load {os.getloadavg()[0]:.1f}; {options.out}")
    return 1 if soak.complaints else 0


if __name__ == "__main__":
    main()
