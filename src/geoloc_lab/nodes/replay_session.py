# SPDX-License-Identifier: Apache-2.0
"""Replays a recorded flight into the real nodes, from start-up to report (`geoloc demo`, `geoloc flight`)."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from geoloc.errors import BagError
from geoloc.nodes.startup.processes import Processes, running
from geoloc.nodes.startup.programs import BringUp, NodeStart, bring_up, start
from geoloc_lab.nodes.programs import EVALUATION_NODE, REPLAY_NODE
from geoloc_lab.nodes.settings import EvaluationNodeSettings, ReplayNodeSettings

_POLL_S = 0.1
_DOMAINS = 100
"""Domain ids up to this number use ports outside the ephemeral range of operating systems."""


@dataclass(frozen=True)
class Session:
    """A recorded flight to replay into the nodes.

    Args:
        bag: rosbag2 folder or file.
        map: map directory.
        model: model directory, or the id of a shipped one.
        out: folder of the report.
        title: title of the report.
        rate: playback rate, seconds of flight per second.
        max_truth_gap_s: longest gap across which the truth is interpolated.
        params_file: ROS parameter files, which override the model's and the map's own.
    """

    bag: Path
    map: Path
    model: str
    out: Path
    title: str = EvaluationNodeSettings.title
    rate: float = ReplayNodeSettings.rate
    max_truth_gap_s: float = EvaluationNodeSettings.max_truth_gap_s
    params_file: tuple[Path, ...] = ()


def run_session(session: Session) -> Path:
    """Start the nodes, replay the bag, write the report, and return the path of its page.

    The nodes are separate processes that communicate over DDS, on this machine only and in their own domain.

    Raises:
        NodeError: if a node ended; its own message says why.
        BagError: if the replay or the report failed.
    """
    choices = BringUp(
        params_file=session.params_file,
        model=session.model,
        map=str(session.map),
        use_sim_time=True,
        log_level="warn",
    )
    page = session.out / "report.html"
    page.unlink(missing_ok=True)
    listeners = [*bring_up(choices), _evaluation(choices, session)]
    with _isolated(), running(listeners) as processes, running([_replay(choices, session)]) as player:
        code = _played(player, processes)
    if code != 0 or not page.is_file():
        raise BagError(f"the replay of {session.bag} wrote no report; see the messages above.")
    return page


def _evaluation(choices: BringUp, session: Session) -> NodeStart:
    own: dict[str, str | bool | float] = {
        "out": str(session.out.absolute()),
        "title": session.title,
        "max_truth_gap_s": session.max_truth_gap_s,
    }
    return start(EVALUATION_NODE, choices, own)


def _replay(choices: BringUp, session: Session) -> NodeStart:
    own: dict[str, str | bool | float] = {
        "bag": str(session.bag.absolute()),
        "rate": session.rate,
        "use_sim_time": False,  # it publishes /clock
        "await_evaluation": True,
    }
    return start(REPLAY_NODE, choices, own)


def _played(player: Processes, processes: Processes) -> int:
    """Wait for the end of the replay while every node runs; return the replay's exit code."""
    while (code := player.code(REPLAY_NODE.name)) is None:
        processes.check()
        time.sleep(_POLL_S)
    return code


@contextmanager
def _isolated() -> Iterator[None]:
    """Isolate processes started inside the `with` from other ROS nodes on this machine and in the network."""
    own = {
        "ROS_DOMAIN_ID": str(1 + os.getpid() % _DOMAINS),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
