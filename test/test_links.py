# SPDX-License-Identifier: Apache-2.0
"""Links in the documentation have a target, every page is linked, and code names only existing pages."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from doc_pages import ROOT, Link, anchors, anchors_of, links, pages, slug_of

BEGINNINGS = ("README.md", "docs/index.md")
"""Pages from which links lead to every page of docs/."""

_NAMED = re.compile(r"(?<![\w/.:-])(?P<file>docs/[\w./-]*\w|README(?:\.md)?(?=#))(?:#(?P<anchor>[\w-]+))?")
_WEB = re.compile(r"https?://[^\s)>\]\"'`]+")
_TEXT = {".py", ".yaml", ".md", ".j2", ".xml", ".toml", ".cfg", ".json", ""}


def is_web(target: str) -> bool:
    return target.startswith(("http://", "https://", "mailto:"))


def broken(path: Path, link: Link, root: Path = ROOT) -> str:
    """Return what is wrong with a relative link of a page; empty for a valid link."""
    file, _, anchor = link.target.partition("#")
    where = path if not file else (path.parent / unquote(file)).resolve()
    if not where.is_relative_to(root.resolve()):
        return f"line {link.line}: {link.target} leaves the repository"
    if not where.exists():
        return f"line {link.line}: {link.target} is not there"
    if anchor and where.suffix == ".md" and anchor not in anchors_of(where):
        return f"line {link.line}: {link.target} names no heading of {where.name}"
    return ""


def wrong_address(address: str) -> bool:
    """Return True if a web address is malformed; the address is not opened."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    return not re.fullmatch(r"(?:[\w-]+\.)+\w+|localhost", host) or address.count("://") != 1


def named_pages() -> Iterator[tuple[str, str, str]]:
    """Yield file, page and anchor for every mention of a documentation page in code and configuration."""
    folders = ("src", "launch", "config", "tools")
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*")) if file.is_file()]
    for file in [*files, ROOT / "Makefile", ROOT / "package.xml", ROOT / "setup.py", ROOT / "pyproject.toml"]:
        if file.suffix in _TEXT and "__pycache__" not in file.parts:
            for found in _NAMED.finditer(file.read_text(encoding="utf-8")):
                page = "README.md" if found["file"].startswith("README") else found["file"]
                yield file.relative_to(ROOT).as_posix(), page, found["anchor"] or ""


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_have_a_target(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = [broken(path, link) for link in links(text) if not is_web(link.target)]
    assert [said for said in found if said] == []
    assert [address for address in _WEB.findall(text) if wrong_address(address.rstrip(".,;:"))] == []


def test_every_page_is_linked() -> None:
    todo = [ROOT / name for name in BEGINNINGS if (ROOT / name).is_file()]
    seen = set(todo)
    while todo:
        page = todo.pop()
        for link in links(page.read_text(encoding="utf-8")):
            where = (page.parent / unquote(link.target.partition("#")[0])).resolve()
            if not is_web(link.target) and where.suffix == ".md" and where.is_file() and where not in seen:
                seen.add(where)
                todo.append(where)
    lost = [page.relative_to(ROOT).as_posix() for page in pages() if page not in seen]
    assert [name for name in lost if name.startswith("docs/")] == []


def test_code_names_pages_that_exist() -> None:
    wrong = []
    for file, page, anchor in named_pages():
        if not (ROOT / page).exists():
            wrong.append(f"{file}: {page} is not there")
        elif anchor and anchor not in anchors_of(ROOT / page):
            wrong.append(f"{file}: {page}#{anchor} names no heading")
    assert wrong == []


def test_mentions_are_found() -> None:
    said = "see docs/parameters.md, or README.md#set-up. ../docs/x.md https://a.org/docs/y.md docs/ are none"
    assert [found.groupdict() for found in _NAMED.finditer(said)] == [
        {"file": "docs/parameters.md", "anchor": None},
        {"file": "README.md", "anchor": "set-up"},
    ]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Unknown heading or height", "unknown-heading-or-height"),
        ("When it says no", "when-it-says-no"),
        ("`geoloc up`: start, and stop!", "geoloc-up-start-and-stop"),
        ("A [link](x.md) in **bold** snake_case", "a-link-in-bold-snake_case"),
        ("R@1 – what else", "r1--what-else"),
    ],
)
def test_headings_have_the_anchors_of_github(title: str, slug: str) -> None:
    assert slug_of(title) == slug


def test_repeated_anchors_are_numbered_and_code_has_no_anchors() -> None:
    text = '# A b\n\n## A b\n\n```sh\n# no heading\n```\n\n### `c` d ###\n\n<a id="here"></a>\n'
    assert anchors(text) == {"a-b", "a-b-1", "c-d", "here"}


def test_links_are_found_outside_code() -> None:
    text = (
        "A [b](c.md#d) ![e](f.png) and `[g](h)`\n[![i](j.svg)](k)\n"
        '[l]: m.md\n<img src="n.jpg">\n```\n[o](p)\n```\n'
    )
    assert sorted((link.line, link.target) for link in links(text)) == [
        (1, "c.md#d"),
        (1, "f.png"),
        (2, "j.svg"),
        (2, "k"),
        (3, "m.md"),
        (4, "n.jpg"),
    ]


def test_broken_links_are_reported(tmp_path: Path) -> None:
    page = tmp_path / "docs/a.md"
    page.parent.mkdir()
    page.write_text("# Title\n")
    said = [
        broken(page, Link(3, target), tmp_path) for target in ("#title", "a.md", "#none", "b.md", "../../x")
    ]
    assert said == [
        "",
        "",
        "line 3: #none names no heading of a.md",
        "line 3: b.md is not there",
        "line 3: ../../x leaves the repository",
    ]


@pytest.mark.parametrize("address", ["https://", "http://a b", "https://nodots/x", "https://https://a.org"])
def test_a_malformed_address_is_found(address: str) -> None:
    assert wrong_address(address)
    assert not wrong_address("https://docs.ros.org/en/kilted/#x")
