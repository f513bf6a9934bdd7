# SPDX-License-Identifier: Apache-2.0
"""The lists of GTA-UAV, `cross-area-drone2sate-train.json` and its like: one row a drone view."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geoloc_training.datasets.contract import PlaneLocation

_NAMED = 10

Overlap = tuple[str, float]


@dataclass(frozen=True)
class Row:
    """A drone view.

    Attributes:
        folder: where its picture lies, from the root.
        name: of its picture.
        location: of the middle of what it shows.
        positives: pictures of the tiles that are right for it, with the overlap, most first.
        overlapping: the same for all tiles it overlaps enough to learn from, positives among them.
    """

    folder: str
    name: str
    location: PlaneLocation
    positives: tuple[Overlap, ...]
    overlapping: tuple[Overlap, ...]


def read_rows(path: Path) -> tuple[tuple[Row, ...], list[str]]:
    """The rows of a list, and sentences about those that are malformed."""
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return (), [f"{path} is missing; it lists drone views and their tiles."]
    except (OSError, ValueError) as error:
        return (), [f"{path} is not readable JSON ({error}); fetch it again."]
    if not isinstance(listed, list) or not listed:
        return (), [f"{path} must hold a list of drone views; fetch it again."]
    rows: dict[str, Row] = {}
    found = []
    for number, entry in enumerate(listed):
        try:
            row = _row(entry)
        except (KeyError, TypeError, ValueError) as error:
            what = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            found.append(f"{path}, entry {number}: {what}.")
            continue
        if row.name in rows:
            found.append(f"{path}, entry {number}: {row.name} is listed already; keep one of its rows.")
        rows[row.name] = row
    more = len(found) - _NAMED
    return tuple(rows.values()), [*found[:_NAMED], *([f"{more} more entries of {path}."] if more > 0 else [])]


def _row(entry: dict[str, Any]) -> Row:
    """A row; KeyError or ValueError says what is wrong with it."""
    x_m, y_m = (float(value) for value in entry["drone_loc_x_y"])
    return Row(
        str(entry["drone_img_dir"]),
        str(entry["drone_img_name"]),
        PlaneLocation(x_m, y_m),
        _overlaps(entry, "pair_pos_sate"),
        _overlaps(entry, "pair_pos_semipos_sate"),
    )


def _overlaps(entry: dict[str, Any], of: str) -> tuple[Overlap, ...]:
    names, overlaps = entry[f"{of}_img_list"], [float(value) for value in entry[f"{of}_weight_list"]]
    if len(names) != len(overlaps):
        raise ValueError(f"{of} has {len(names)} tiles and {len(overlaps)} weights")
    if len(set(names)) != len(names):
        raise ValueError(f"{of}_img_list names a tile twice")
    if not all(0 <= overlap <= 1 for overlap in overlaps):
        raise ValueError(f"{of}_weight_list has weights outside 0..1")
    # The order among equals is the list's.
    return tuple(sorted(zip(map(str, names), overlaps, strict=True), key=lambda pair: -pair[1]))
