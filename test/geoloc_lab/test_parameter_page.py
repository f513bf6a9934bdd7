# SPDX-License-Identifier: Apache-2.0
"""docs/parameters.md agrees with the declarations of the nodes."""

from pathlib import Path

from geoloc.nodes.settings import NODES as FLYING
from geoloc.settings import settings_of
from geoloc_lab.nodes.settings import NODES as LABS
from geoloc_lab.parameter_page import page

PAGE = Path(__file__).parents[2] / "docs" / "parameters.md"


def test_the_page_agrees_with_the_declarations():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make parameters` and commit docs/parameters.md"


def test_the_page_has_every_parameter_of_every_node_with_all_that_is_declared():
    sections = dict(section.split("\n", 1) for section in page().split("\n## ")[1:])
    for node, kind in (FLYING | LABS).items():
        rows = [line for line in sections[node].splitlines() if line.startswith("| `")]
        assert len(rows) == len(settings_of(kind))
        for row, (name, declared) in zip(rows, settings_of(kind).items(), strict=True):
            parts = [part.strip() for part in row.strip("|").split("|")]
            assert parts[0] == f"`{name}`"
            assert parts[2:4] == [declared.allowed(), declared.unit]
            assert parts[5] == declared.text
