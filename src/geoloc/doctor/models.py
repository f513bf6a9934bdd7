# SPDX-License-Identifier: Apache-2.0
"""Models: checksums verified, and which backends run the one that is used."""

import importlib.util
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from geoloc.doctor.privacy import shown
from geoloc.doctor.report import Entry, note, ok, problem
from geoloc.doctor.versions import installed_version
from geoloc.encoder import BACKENDS, ModelCard, load_card, open_encoder
from geoloc.errors import GeolocError
from geoloc.installed import find_model, shipped_models

_SLOW = {"torch"}  # takes many seconds to import
_OPTIONAL = {"openvino", "torch"}


def model_entries(chosen: Path | None) -> Iterator[Entry]:
    """Yield every shipped model and the chosen one, then the backends.

    Args:
        chosen: a model's directory; None for the default model.
    """
    folders = dict.fromkeys([*shipped_models().values(), *([chosen] if chosen else [])])
    for folder in folders:
        try:
            yield ok(_described(load_card(folder)))
        except GeolocError as error:
            yield problem(f"{shown(folder)}: {error}")
    if not folders:
        yield problem("no model is installed; start from a checkout, or name one with --model.")
        return
    yield from _backend_entries(load_card(chosen or find_model()))


def _described(card: ModelCard) -> str:
    return (
        f"{card.id}: every checksum is right ({card.sha256[:12]}), views of {card.input_px} px, descriptors "
        f"of {card.descriptor_size} values, {card.gsd_range_m[0]:g} to {card.gsd_range_m[1]:g} m per pixel"
    )


def _backend_entries(card: ModelCard) -> Iterator[Entry]:
    """Describe one view with each backend that is installed and quick to load."""
    side = card.input_px
    view = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    for name, (_, _, packages) in BACKENDS.items():
        missing = [package for package in packages.split() if importlib.util.find_spec(package) is None]
        if missing:
            said = f"{name}: not installed ({', '.join(missing)})"
            yield (
                note(f"{said}, optional.")
                if name in _OPTIONAL
                else problem(f"{said}; pip install {packages}.")
            )
            continue
        if name in _SLOW:
            yield ok(f"{name} {installed_version(name)}: installed, not tried, because it loads slowly")
            continue
        try:
            encoder = open_encoder(card, name)
            encoder.describe(view)
            start_s = time.perf_counter()
            encoder.describe(view)
            took_ms = (time.perf_counter() - start_s) * 1e3
            yield ok(f"{name} {installed_version(name)}: runs {card.id}, {took_ms:.1f} ms a view")
        except GeolocError as error:
            yield problem(f"{name}: {error}")
