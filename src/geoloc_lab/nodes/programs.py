# SPDX-License-Identifier: Apache-2.0
"""Start-up entries of replay_node and evaluation_node; `geoloc.nodes.startup.programs` has the others."""

from geoloc.nodes.startup.programs import NodeEntry

_ENTRY = "geoloc_lab.nodes.entry"

EVALUATION_NODE = NodeEntry(
    "evaluation_node",
    takes_model=True,
    takes_map=True,
    patience_s=60.0,  # it writes its report on shutdown
    entry=_ENTRY,
)
REPLAY_NODE = NodeEntry("replay_node", entry=_ENTRY)
NODES = (EVALUATION_NODE, REPLAY_NODE)
