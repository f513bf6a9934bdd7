# SPDX-License-Identifier: Apache-2.0
"""The parameters of replay_node and evaluation_node; this module does not import ROS."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geoloc.nodes.directories import map_directory, model_directory
from geoloc.settings import check, setting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


@dataclass(frozen=True)
class EvaluationNodeSettings:
    """The parameters of `evaluation_node`."""

    map: str = map_directory()
    model: str = model_directory()
    out: str = setting("runs/evaluation", "folder of the report", path=True)
    title: str = setting("flight", "title of the report")
    max_truth_gap_s: float = setting(
        2.0, "longest gap between truth samples to interpolate across", unit="s", low=0.01, high=60.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class ReplayNodeSettings:
    """The parameters of `replay_node`."""

    bag: str = setting("", "rosbag2 folder, .mcap or .db3 file", required=True, path=True)
    rate: float = setting(1.0, "playback rate: seconds of flight per second", low=0.01, high=100.0)
    start_s: float = setting(
        0.0, "start of the playback, from the beginning of the bag", unit="s", low=0.0, high=1e6
    )
    rename: str = setting("", "renames of topics, /recorded:=played, separated by commas")
    keep_names: bool = setting(False, "play every topic under its recorded name")
    wait_s: float = setting(30.0, "longest wait for the nodes to subscribe", unit="s", low=0.0, high=3600.0)
    report: bool = setting(True, "request the report of evaluation_node at the end, if it runs")
    await_evaluation: bool = setting(False, "wait for evaluation_node too, and fail without its report")

    def __post_init__(self) -> None:
        check(self)


NODES: "dict[str, type[DataclassInstance]]" = {
    "evaluation_node": EvaluationNodeSettings,
    "replay_node": ReplayNodeSettings,
}
