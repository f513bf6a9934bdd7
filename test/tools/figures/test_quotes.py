# SPDX-License-Identifier: Apache-2.0
"""Quotes in pages are found outside code, rewritten, and checked."""

import figure_tree  # noqa: F401 - adds the folder of the modules below to sys.path
import pytest

from book import Figure, FigureError, Section  # isort: skip - figure_tree adds the folder to sys.path
from quotes import quotes_in, rewritten, without_quotes, wrong_quotes  # isort: skip

TABLE = "| a | b |\n|---|---|\n| 1 | 2 |"
BOOK = {
    "demo": Section(
        "make demo",
        "abc",
        "2027-01-15",
        "a machine",
        {
            "median": Figure(1.08, "1.1 m", "median error"),
            "first_fix.time": Figure(1.5, "1.5 s", "first fix"),
        },
        {"rows": TABLE},
    )
}


def test_quotes_of_a_figure_and_a_table_are_found() -> None:
    text = f"It is <!--=demo.median-->1.1 m<!--/-->.\n\n<!--=demo.rows-->\n{TABLE}\n<!--/-->\n"
    first, second = quotes_in(text)
    assert (first.key, text[first.start : first.end], first.line, first.opens_line) == (
        "demo.median",
        "1.1 m",
        1,
        False,
    )
    assert (second.key, second.line, second.opens_line) == ("demo.rows", 3, True)
    assert list(wrong_quotes(text, BOOK)) == []


def test_only_quotes_are_rewritten() -> None:
    text = "`9 m`, <!--=demo.median-->9 m<!--/-->, <!--=demo.first_fix.time-->?<!--/-->.\n"
    wanted = "`9 m`, <!--=demo.median-->1.1 m<!--/-->, <!--=demo.first_fix.time-->1.5 s<!--/-->.\n"
    text += "<!--=demo.rows--><!--/-->"
    assert rewritten(text, BOOK) == f"{wanted}<!--=demo.rows-->\n{TABLE}\n<!--/-->"
    assert rewritten(rewritten(text, BOOK), BOOK) == rewritten(text, BOOK)


def test_a_quote_can_leave_out_the_unit() -> None:
    text = "| <!--=demo.median:number--><!--/--> | <!-- = demo.first_fix.time:number --><!-- / --> |"
    assert without_quotes(rewritten(text, BOOK), str.upper).count("1.1") == 1
    assert [text for text in ("1.1", "1.5") if text not in rewritten(text, BOOK)] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("76.7 → 78.9 %", "76.7 → 78.9"),
        ("2.0", "2.0"),
        ("none", "none"),
        ("≤ 26.2 %", "≤ 26.2"),
        ("4 km²", "4"),
    ],
)
def test_a_number_is_the_text_without_its_unit(text: str, number: str) -> None:
    assert Figure(None, text, "").number == number


@pytest.mark.parametrize(
    "code", ["`<!--=no.such-->`", "```\n<!--=no.such-->\n```", "  ~~~~md\n<!--/-->\n  ~~~~"]
)
def test_marks_in_code_are_ignored(code: str) -> None:
    assert quotes_in(f"text\n\n{code}\n\nIt is <!--=demo.median-->1.1 m<!--/-->.")[0].key == "demo.median"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It is <!--=demo.median-->1.2 m<!--/-->.", "line 1: demo.median is '1.1 m', not '1.2 m'"),
        ("It is <!--=demo.median-->1.1 m", "line 1: the quote of demo.median is not closed"),
        (
            "a\nIs <!--=demo.median-->1 <!--=demo.p95-->2<!--/-->",
            "line 2: the quote of demo.median is not closed",
        ),
        ("It is 1.1 m<!--/-->.", "line 1: <!--/--> closes no quote"),
        ("It is <!--=demo.best-->1 m<!--/-->.", "section 'demo' has no figure or table 'best'"),
        ("It is <!--=flight.median-->1 m<!--/-->.", "docs/figures.json has no section 'flight'"),
        ("a\n<!--=demo.median-->1.1 m<!--/--> is it", "line 2: the line begins with a mark"),
        ("- <!--=demo.median-->1.1 m<!--/--> is it", "the line begins with a mark"),
        (f"It is <!--=demo.rows-->\n{TABLE}\n<!--/-->", "are not on lines of their own"),
    ],
)
def test_errors_name_the_line(text: str, said: str) -> None:
    (found,) = wrong_quotes(text, BOOK)
    assert said in found


def test_an_unknown_key_is_not_rewritten() -> None:
    with pytest.raises(FigureError, match="line 2: section 'demo' has no"):
        rewritten("a\nIt is <!--=demo.best-->1 m<!--/-->.", BOOK)


@pytest.mark.parametrize("renderer", ["markdown", "markdown_it"])
def test_pages_show_quotes_as_plain_text(renderer: str) -> None:
    module = pytest.importorskip(renderer)
    text = "| a | b |\n|---|---|\n| <!--=demo.median-->1.1 m<!--/--> | **2** |\n\n"
    text += (
        f"Is <!--=demo.median-->1.1 m<!--/-->, *so*.\n\n<!--=demo.rows-->\n{TABLE}\n<!--/-->\n\nThe *end*."
    )
    if renderer == "markdown":
        html = module.markdown(text, extensions=["tables"])
    else:
        html = module.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<td><!--=demo.median-->1.1 m<!--/--></td>" in html
    assert html.count("<table>") == 2
    assert html.count("<em>") == 2
