# SPDX-License-Identifier: Apache-2.0
"""The programs of the lab's nodes, as `geoloc.nodes.startup.entry` has those of the flight nodes."""

from geoloc.nodes.startup.entry import run_module


def evaluation_node() -> None:
    """Run `evaluation_node`."""
    run_module("geoloc_lab.nodes.evaluation_node", extra="lab")


def replay_node() -> None:
    """Run `replay_node`."""
    run_module("geoloc_lab.nodes.replay_node", extra="lab")
