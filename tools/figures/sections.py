# SPDX-License-Identifier: Apache-2.0
"""Sections of docs/figures.json: the command that measures each, its result file and the reader."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from book import Book, Section
from measured import commit_at, day, machine, newest
from read_bench import read_bench
from read_cards import read_card
from read_reports import read_adapt_demo, read_flight, read_flights
from read_scenarios import read_scenarios
from read_studies import ADAPTATION, BACKBONES, DMNIL, DPHR, HEADING, REFINE, VIEW_QUALITY, Study, read_study
from reading import Reading

Read = Callable[[Path], Reading | None]
_STUDY = ".venv/bin/python tools/studies/"


@dataclass(frozen=True)
class Source:
    """Source of the figures of a section.

    Attributes:
        name: name of the section.
        command: command that measures the figures, as typed in a checkout.
        where: result file of the command, relative to the checkout.
        read: function that reads the result of a checkout; returns None without a result.
    """

    name: str
    command: str
    where: str
    read: Read


def _study(name: str, script: str, study: Study) -> Source:
    return Source(name, f"{_STUDY}{script}", study.where, partial(read_study, study))


SOURCES = (
    Source("demo", "make demo", "demo/report/report.json", partial(read_flight, "demo/report", "demo")),
    Source("flights", "make flight DATA=DIR", "flight/*/report/report.json", read_flights),
    Source(
        "seneca",
        "geoloc evaluate DIR/bags/seneca_mcap --map flight/seneca/map-geoloc-small-2-53m-0.75-1000 "
        "--out runs/seneca",
        "runs/seneca/report.json",
        partial(read_flight, "runs/seneca", "seneca, filter and odometry"),
    ),
    Source("scenarios", "make scenarios DATA=DIR", "scenarios/scenarios.json", read_scenarios),
    Source("bench", "make bench", "runs/bench.json", read_bench),
    _study("heading", "heading_study.py --out runs/heading", HEADING),
    _study(
        "refine",
        "refine_study.py DIR/naip_ca_multiyear --cases chico:2018:2020 long_beach:2016:2020 "
        "palm_springs:2016:2020 world:0:1 --flights DIR",
        REFINE,
    ),
    _study("view_quality", "view_quality_study.py --out runs/view-quality", VIEW_QUALITY),
    _study("dphr", "dphr_study.py --imagery DIR/naip_ca_multiyear --out runs/dphr-study", DPHR),
    _study(
        "backbones",
        "compare_backbones.py --data DIR --out runs/backbones --steps 250 --pairs 32 --px 112 "
        "--pair claremont:2016:2020",
        BACKBONES,
    ),
    _study("dmnil", "dmnil_study.py --imagery DIR/naip_ca_multiyear --out runs/dmnil-study", DMNIL),
    _study(
        "adaptation",
        "adaptation_study.py --imagery DIR/naip_ca_multiyear --out runs/adaptation-study "
        "--case claremont:2016:2020:models/without-claremont --case palm_springs:2016:2020:models/generic",
        ADAPTATION,
    ),
    Source("adapt_demo", "make adapt-demo", "demo/adapt/before/report.json and after/", read_adapt_demo),
)


def sources(root: Path) -> Iterator[Source]:
    """Yield the source of every section, including one section for each model of the checkout."""
    yield from SOURCES
    for card in sorted(root.glob("models/*/model.yaml")):
        name = card.parent.name
        command = "geoloc-train export"
        yield Source(name, command, f"models/{name}/model.yaml", partial(_card, name))


def collect(checkout: Path, only: str = "") -> tuple[Book, list[str]]:
    """Read the results of a checkout.

    Args:
        checkout: folder in which the commands ran.
        only: name of the section to read; empty for all.

    Returns:
        the sections with a result, and the names of the sections without one.

    Raises:
        FigureError: if a result does not have the form that its reader expects.
    """
    found, absent = Book(), []
    for source in sources(checkout):
        if only in ("", source.name):
            reading = source.read(checkout)
            if reading is None:
                absent.append(source.name)
            else:
                found[source.name] = _section(source, reading, checkout)
    return found, absent


def merged(book: Book, measured: Book) -> Book:
    """Return the book with the new sections, in the order of the sources; sections without a source last."""
    together = {**book, **measured}
    order = [source.name for source in SOURCES if source.name in together]
    return {name: together[name] for name in [*order, *(name for name in together if name not in order)]}


def outdated(book: Book, measured: Book) -> list[str]:
    """Return the names of the sections whose new result is older than the one in the book."""
    return [name for name, section in measured.items() if name in book and section.date < book[name].date]


def _section(source: Source, reading: Reading, checkout: Path) -> Section:
    when = newest(reading.files)
    facts = {"command": source.command, **reading.facts}
    facts.setdefault("date", day(when))
    facts.setdefault("machine", machine())
    if "commit" not in facts:
        facts["commit"] = commit_at(checkout, when)
    return Section(**facts, figures=reading.figures, tables=reading.tables)


def _card(name: str, checkout: Path) -> Reading | None:
    return read_card(checkout / "models" / name)
