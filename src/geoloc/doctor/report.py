# SPDX-License-Identifier: Apache-2.0
"""The report of `geoloc doctor`: sections of entries, as text and as JSON."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from geoloc import __version__
from geoloc.doctor.privacy import scrub
from geoloc.errors import GeolocError, clause


class Level(str, Enum):
    """Severity of an entry."""

    OK = "OK"
    NOTE = "note"
    PROBLEM = "PROBLEM"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Entry:
    """One line of the report: a fact, or a problem with its remedy."""

    level: Level
    text: str


@dataclass(frozen=True)
class Section:
    """Entries under a title."""

    title: str
    entries: tuple[Entry, ...]


def ok(text: str) -> Entry:
    """Return an entry for a check that passed, or a fact."""
    return Entry(Level.OK, text)


def note(text: str) -> Entry:
    """Return an entry for something unusual that may matter."""
    return Entry(Level.NOTE, text)


def problem(text: str) -> Entry:
    """Return an entry for a failed check, with its remedy."""
    return Entry(Level.PROBLEM, text)


def section(title: str, entries: Callable[[], Iterable[Entry]]) -> Section:
    """Collect the entries of a section; exceptions become problems, and private paths are removed."""
    found = (Entry(entry.level, scrub(entry.text)) for entry in _guarded(entries))
    return Section(title, tuple(found))


def problems(sections: Iterable[Section]) -> int:
    """Return the number of problems."""
    return _count(sections, Level.PROBLEM)


def as_text(sections: Sequence[Section]) -> str:
    """Return the report as text, one line per entry."""
    lines = [f"geoloc doctor, geoloc {__version__}"]
    for one in sections:
        lines += ["", one.title, *(f"  {entry.level!s:<7}  {entry.text}" for entry in one.entries)]
    found, notes = problems(sections), _count(sections, Level.NOTE)
    return "\n".join([*lines, "", f"problems: {found}, notes: {notes}"])


def as_json(sections: Sequence[Section]) -> str:
    """Return the report as JSON: version, `ok` (true without problems), and sections with their entries."""
    tree = {
        "geoloc": __version__,
        "ok": not problems(sections),
        "sections": [
            {
                "title": one.title,
                "entries": [{"level": str(entry.level), "text": entry.text} for entry in one.entries],
            }
            for one in sections
        ],
    }
    return json.dumps(tree, indent=1, ensure_ascii=False)


def _guarded(entries: Callable[[], Iterable[Entry]]) -> Iterator[Entry]:
    try:
        yield from entries()
    except GeolocError as error:
        yield problem(str(error))
    except ImportError as error:
        yield problem(
            f"a package cannot be imported ({clause(error)}); install what `versions` lists as missing."
        )
    except Exception as error:  # noqa: BLE001 - the other sections must still run
        yield problem(
            f"this check failed ({type(error).__name__}: {clause(error)}); report it with this output."
        )


def _count(sections: Iterable[Section], level: Level) -> int:
    return sum(entry.level is level for one in sections for entry in one.entries)
