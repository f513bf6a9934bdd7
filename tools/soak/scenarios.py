# SPDX-License-Identifier: Apache-2.0
"""What is done to a flight in a soak: each scenario is a function that plays on a stage."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from session import NODES, Camera
from stage import STEADY, Skipped, Stage

from geoloc.installed import find_model

_HINTS = ("--hints",)
"""An autopilot that tells its own estimate, because a node that ends takes its track along."""

_PAUSE_S, _MINUTE_S = 5.0, 60.0
_BOTH_S, _NOTICED_S = 6.0, 2.0
_RAW_4K = Camera((3840, 2160), 30.0, "rgb8", segment=True)
_JPEG_4K = Camera((3840, 2160), 60.0, "jpeg", segment=True)
_HERE = Path(__file__).resolve().parent


def undisturbed(stage: Stage) -> None:
    """Leave the flight alone; every other scenario is compared with this one."""
    stage.open()
    stage.watch(2 * stage.seconds)


def restart(stage: Stage) -> None:
    """End the nodes in several orders while frames come; each is started again."""
    act = stage.open(autopilot=_HINTS)
    stage.watch()
    for names in (NODES[2:], NODES[:1], NODES[1:2], NODES[::-1], NODES):
        short = " ".join(name.removesuffix("_node") for name in names)
        with act.disturbed(f"restart {short}"):
            act.end_nodes(names)
        stage.watch()


def kill(stage: Stage) -> None:
    """Kill each node with SIGKILL; `--respawn` brings it back."""
    act = stage.open(autopilot=_HINTS)
    for name in NODES:
        with act.disturbed(f"kill -9 {name}"):
            act.end_nodes([name], kill=True)
        stage.watch()


def pause(stage: Stage) -> None:
    """Stop each node for 5 s with SIGSTOP, as on a machine that swaps."""
    act = stage.open()
    for name in NODES:
        process = act.suite.nodes()[name]
        with act.disturbed(f"SIGSTOP {name}", from_end=True):
            process.send_signal(signal.SIGSTOP)
            try:
                stage.watch(_PAUSE_S)
            finally:
                process.send_signal(signal.SIGCONT)
        stage.watch()


def camera_returns(stage: Stage) -> None:
    """Let the camera pause, then end its process and start another one."""
    act = stage.open()
    with act.disturbed("camera pauses", from_end=True):
        act.cameras[0].say("stop")
        stage.watch(_PAUSE_S)
        act.cameras[0].say("go")
    stage.watch()
    with act.disturbed("new camera process", from_end=True):
        act.cameras[0].stop()
        act.film(STEADY)
    stage.watch()


def raw_4k(stage: Stage) -> None:
    """Send raw 4K at 30 Hz for a minute, with 64 MB of shared memory."""
    stage.open(_RAW_4K, by_rate=True)
    stage.watch(_MINUTE_S)


def jpeg_4k(stage: Stage) -> None:
    """Send 4K as JPEG at 60 Hz for a minute, with 64 MB of shared memory."""
    stage.open(_JPEG_4K, by_rate=True)
    stage.watch(_MINUTE_S)


def two_suites(stage: Stage) -> None:
    """Fly two drones, 80 m apart, with a suite each in one domain."""
    stage.open(replace(STEADY, rate_hz=2.0), namespace="one")
    stage.open(replace(STEADY, rate_hz=2.0), namespace="two", lead=0.5)
    first, second = stage.acts
    first.began_ns = second.began_ns
    stage.watch(2 * stage.seconds)


def clock(stage: Stage) -> None:
    """Move /clock back by 20 s and forward by an hour, with `use_sim_time`."""
    act = stage.open(STEADY, "--use-sim-time", autopilot=["--clock"])
    for seconds in (-20, 3600):
        with act.disturbed(f"/clock {seconds:+d} s"):
            for process in (act.suite.autopilot, *act.cameras):
                process.say(f"jump {seconds}")
        stage.watch()


def full_disk(stage: Stage) -> None:
    """Ask evaluation_node for its report on a full disk."""
    with _small_disk() as folder:
        act = stage.open(autopilot=["--truth"])
        (folder / "full").write_bytes(bytes(900_000))
        words = ["-c", "from geoloc_lab.nodes.evaluation_node import main; main()", "--ros-args"]
        scene = stage.session.scene
        given = {"map": scene.map, "model": find_model(), "out": folder / "report"}
        own = [word for name, value in given.items() for word in ("-p", f"{name}:={value}")]
        words += ["-r", f"__ns:=/{act.suite.namespace}", *own]
        evaluation = stage.session.start(words, "evaluation")
        stage.watch()
        with act.disturbed("report on a full disk", from_end=True):
            asked = subprocess.run(
                [sys.executable, str(_HERE / "ask_report.py"), act.suite.namespace],
                capture_output=True,
                text=True,
                check=False,
            )
        stage.watch()
        if "no report was written" not in asked.stdout:
            act.found.append(f"the report on a full disk was answered with '{asked.stdout.strip()}'.")
        if not evaluation.runs:
            act.found.append("evaluation_node ended on a full disk.")
        evaluation.stop()


@contextmanager
def _small_disk() -> Iterator[Path]:
    """Mount a file system of 1 MB.

    Raises:
        Skipped: if this user may not.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder]
        try:
            subprocess.run(words, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            raise Skipped("a small disk cannot be mounted; run it as root") from None
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)  # noqa: S607 - as every system has it


def two_cameras(stage: Stage) -> None:
    """Fly a reliable camera, then a best-effort one, then both at once, which must be refused."""
    act = stage.open(replace(STEADY, reliable=True))
    with act.disturbed("best-effort camera", from_end=True):
        act.cameras[0].stop()
        act.film(replace(STEADY, frame_id="other"))
    stage.watch()
    with act.disturbed("both cameras at once", from_end=True):
        second = act.film(replace(STEADY, reliable=True))
        stage.watch(_NOTICED_S)
        noticed_ns = time.time_ns()
        stage.watch(_BOTH_S)
        until_ns = time.time_ns()
        second.stop()
    stage.watch()
    log = stage.session.read(act.suite, act.width)
    both = log.between(noticed_ns, until_ns)
    if both.answers:
        act.found.append(f"{len(both.answers)} frames of two cameras at once were answered.")
    if not log.counted("refused_several_sources"):
        act.found.append("two cameras at once were not refused as several_sources.")


SCENARIOS: dict[str, Callable[[Stage], None]] = {
    "undisturbed": undisturbed,
    "restart": restart,
    "kill": kill,
    "pause": pause,
    "camera": camera_returns,
    "two-cameras": two_cameras,
    "two-suites": two_suites,
    "clock": clock,
    "full-disk": full_disk,
    "raw-4k": raw_4k,
    "jpeg-4k": jpeg_4k,
}
