# SPDX-License-Identifier: Apache-2.0
"""The nodes that replay a bag and keep the score; `geoloc.nodes.startup.programs` says how any is started."""

from geoloc.nodes.startup.programs import NodeEntry

_PACKAGE = "geoloc_lab"

EVALUATION_NODE = NodeEntry(
    "evaluation_node",
    "positions against truth: a report on disk",
    takes_model=True,
    takes_map=True,
    patience_s=60.0,  # it writes its report at the end
    package=_PACKAGE,
)
REPLAY_NODE = NodeEntry("replay_node", "a recorded flight onto the topics, with /clock", package=_PACKAGE)
NODES = (EVALUATION_NODE, REPLAY_NODE)
