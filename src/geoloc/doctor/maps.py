# SPDX-License-Identifier: Apache-2.0
"""A map: verified as `geoloc map verify` does, against the model that will describe views."""

from collections.abc import Iterator
from pathlib import Path

from geoloc.doctor.report import Entry, note, ok
from geoloc.encoder.card import load_card
from geoloc.errors import GeolocError
from geoloc.installed import find_model, shipped_models
from geoloc.mapping.directory import open_map, verify_map
from geoloc.mapping.report import describe_map

_FACTS = ("area", "tiles", "view size", "pitch", "ground resolution", "descriptor", "built", "on disk")


def map_entries(folder: Path, chosen: Path | None) -> Iterator[Entry]:
    """Yield that the map is whole, that it belongs to the model, what it is, and its imagery.

    Args:
        folder: the map.
        chosen: the model's directory; None for the shipped model that the map was built with.
    """
    opened = verify_map(folder)
    yield ok("every file and checksum is right")
    card = load_card(chosen or model_of(folder))
    open_map(folder, card)
    yield ok(f"built with {card.id}, the model in use")
    for name, value in describe_map(opened):
        if name in _FACTS:
            yield ok(f"{name} {value}")
    imagery = opened.manifest.imagery
    if imagery.date and imagery.licence:
        yield ok(f"imagery of {imagery.date}, {imagery.licence}")
    else:
        yield note(
            f"imagery date {imagery.date or 'unknown'}, licence {imagery.licence or 'unknown'}; "
            "`geoloc map build --imagery-date … --imagery-licence …` records them."
        )


def model_of(folder: Path) -> Path:
    """Return the shipped model that a map was built with; the default one where none was."""
    wanted = open_map(folder).model_sha256
    for candidate in shipped_models().values():
        try:
            if load_card(candidate).sha256 == wanted:
                return candidate
        except GeolocError:
            continue
    return find_model()
