# SPDX-License-Identifier: Apache-2.0
"""Section on the map: verified as by `geoloc map verify`, and compared with the model in use."""

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
    """Yield whether the map is undamaged and built with the model, its properties, and its imagery.

    Args:
        folder: directory of the map.
        chosen: directory of the model; None for the shipped model that the map was built with.
    """
    opened = verify_map(folder)
    yield ok("all files are present, and their checksums match")
    card = load_card(chosen or model_of(folder))
    open_map(folder, card)
    yield ok(f"built with {card.id}, the model in use")
    for name, value in describe_map(opened):
        if name in _FACTS:
            yield ok(f"{name}: {value}")
    imagery = opened.manifest.imagery
    if imagery.date and imagery.licence:
        yield ok(f"imagery date {imagery.date}, licence {imagery.licence}")
    else:
        yield note(
            f"imagery date {imagery.date or 'unknown'}, licence {imagery.licence or 'unknown'}; give "
            "--imagery-date and --imagery-licence to `geoloc map build`."
        )


def model_of(folder: Path) -> Path:
    """Return the shipped model that a map was built with, or the default model if it was another one."""
    wanted = open_map(folder).model_sha256
    for candidate in shipped_models().values():
        try:
            if load_card(candidate).sha256 == wanted:
                return candidate
        except GeolocError:
            continue
    return find_model()
