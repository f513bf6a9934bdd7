# SPDX-License-Identifier: Apache-2.0
"""A recorded flight through the real nodes, from start-up to report: for `geoloc demo`, `geoloc flight`."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from geoloc.errors import BagError
from geoloc.nodes.startup.processes import Suite, running
from geoloc.nodes.startup.programs import BringUp, NodeStart, bring_up, start
from geoloc_lab.nodes.programs import EVALUATION_NODE, REPLAY_NODE
from geoloc_lab.nodes.settings import EvaluationNodeSettings, ReplayNodeSettings

_POLL_S = 0.1
_DOMAINS = 100
"""Domain ids up to here use ports that no operating system hands out."""


@dataclass(frozen=True)
class Session:
    """What to fly, and how.

    Args:
        bag: rosbag2 folder or file.
        map: map directory.
        model: model directory, or the id of a shipped one.
        out: folder of the report.
        title: headline of the report.
        rate: seconds of flight in a second.
        max_truth_gap_s: between truth samples farther apart nothing is interpolated.
        params_file: ROS parameter files over the model's and the map's own.
    """

    bag: Path
    map: Path
    model: str
    out: Path
    title: str = EvaluationNodeSettings.title
    rate: float = ReplayNodeSettings.rate
    max_truth_gap_s: float = EvaluationNodeSettings.max_truth_gap_s
    params_file: tuple[Path, ...] = ()


def fly(session: Session) -> Path:
    """Start the nodes, replay the bag into them, write the report; returns the path of its page.

    The nodes are processes of their own and speak over DDS, on this machine alone, on a domain of their own.

    Raises:
        NodeEnded: where a node gave up; its own message says why.
        BagError: where the replay or the report failed.
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
    with _apart(), running(listeners) as suite, running([_replay(choices, session)]) as player:
        code = _played(player, suite)
    if code != 0 or not page.is_file():
        raise BagError(f"the replay of {session.bag} gave no report; the messages above say why")
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
        "use_sim_time": False,  # it makes /clock
        "await_evaluation": True,
    }
    return start(REPLAY_NODE, choices, own)


def _played(player: Suite, suite: Suite) -> int:
    """Wait for the end of the replay, as long as every node lives; returns the replay's exit code."""
    while (code := player.code(REPLAY_NODE.name)) is None:
        suite.check()
        time.sleep(_POLL_S)
    return code


@contextmanager
def _apart() -> Iterator[None]:
    """Keep what is started inside out of the way of other ROS nodes, here and in the network."""
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
