# SPDX-License-Identifier: Apache-2.0
"""Typed measurements in pages are found; numbers in backticks do not count as measurements."""

from pathlib import Path

import pytest
from figure_tree import ROOT

from unquoted import unquoted  # isort: skip - figure_tree adds the folder to sys.path

CHECKED_ELSEWHERE = {"figures.md", "parameters.md", "which-camera.md"}
"""Pages written by a command, and the page whose values test_which_camera_page.py computes again."""
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name not in CHECKED_ELSEWHERE),
]


@pytest.mark.parametrize(
    "text",
    [
        "The median is 1.1 m.",
        "| demo | 98.3 % |",
        "It takes 40 ms,",
        "of 5.4 GB and more",
        "R@1 .95 at once",
        "R@1 of 95",
        "124 images/s",
        "9.7m off",
    ],
)
def test_a_typed_measurement_is_found(text: str) -> None:
    ((line, said),) = unquoted(f"# Title\n\n{text}\n")
    assert line == 3
    assert said in text


@pytest.mark.parametrize(
    "text",
    [
        "It is <!--=demo.median-->1.1 m<!--/-->.",
        "<!--=a.b-->\n| 1 m | 2 % |\n|---|---|\n<!--/-->",
        "Views of `90 m`, at most `12 %`.",
        "```sh\nfit --scale 5 % of 3 m\n```",
        "At 110 m, tilted by 30 %. <!-- given -->",
        "A file [here](docs/5 m.md)",
        "12 m/s over 4 km² and 200 metres, 10 of 12 more",
        "| median m | p95 m | 24 views |",
    ],
)
def test_quotes_code_and_given_numbers_are_no_measurements(text: str) -> None:
    assert list(unquoted(text)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_quote_their_measurements(page: Path) -> None:
    found = unquoted(page.read_text(encoding="utf-8"))
    assert [
        f"{page.name}, line {line}: {said!r} is typed; quote it, or write `{said}` if it was chosen."
        for line, said in found
    ] == []
