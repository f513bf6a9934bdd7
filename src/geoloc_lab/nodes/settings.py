# SPDX-License-Identifier: Apache-2.0
"""Every parameter of the nodes that replay and evaluate: default, meaning, unit, range."""

from dataclasses import dataclass

from geoloc.nodes.parameters import parameter
from geoloc.nodes.settings import MAP, MODEL


@dataclass(frozen=True)
class EvaluationParameters:
    """The parameters of `evaluation_node`."""

    map: str = parameter("", MAP, required=True)
    model: str = parameter("", MODEL, required=True)
    out: str = parameter("runs/evaluation", "folder that the report is written to")
    title: str = parameter("flight", "headline of the report")
    max_truth_gap_s: float = parameter(
        2.0, "between truth samples farther apart nothing is interpolated", unit="s", low=0.01, high=60.0
    )


@dataclass(frozen=True)
class ReplayParameters:
    """The parameters of `replay_node`."""

    bag: str = parameter("", "rosbag2 folder, .mcap or .db3 file", required=True)
    rate: float = parameter(1.0, "seconds of flight in a second", low=0.01, high=100.0)
    start_s: float = parameter(0.0, "begin this far into the bag", unit="s", low=0.0, high=1e6)
    rename: str = parameter("", "topics by name, /recorded:=played, several with commas between")
    keep_names: bool = parameter(False, "play every topic under its recorded name")
    wait_s: float = parameter(
        30.0, "how long to wait for the nodes to listen", unit="s", low=0.0, high=3600.0
    )
    report: bool = parameter(True, "ask evaluation_node for its report at the end, where there is one")
    await_evaluation: bool = parameter(False, "wait for evaluation_node too, and fail without its report")
