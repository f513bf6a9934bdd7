# SPDX-License-Identifier: Apache-2.0
"""Section on models: their checksums, and the backends that run the model in use."""

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
    """Yield every shipped model and the chosen model, then every backend.

    Args:
        chosen: directory of a model; None for the default model.
    """
    folders = dict.fromkeys([*shipped_models().values(), *([chosen] if chosen else [])])
    for folder in folders:
        try:
            yield ok(_described(load_card(folder)))
        except GeolocError as error:
            yield problem(f"{shown(folder)}: {error}")
    if not folders:
        yield problem("no model is installed; run geoloc in a checkout, or name a model with --model.")
        return
    yield from _backend_entries(load_card(chosen or find_model()))


def _described(card: ModelCard) -> str:
    return (
        f"{card.id} ({card.sha256[:12]}): all checksums match; views of {card.input_px} x {card.input_px} "
        f"pixels at {card.gsd_range_m[0]:g} to {card.gsd_range_m[1]:g} m per pixel, descriptors of "
        f"{card.descriptor_size} values"
    )


def _backend_entries(card: ModelCard) -> Iterator[Entry]:
    """Describe one view with each backend that is installed and quick to load."""
    side = card.input_px
    view = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
    for name, (_, _, packages) in BACKENDS.items():
        missing = [package for package in packages.split() if importlib.util.find_spec(package) is None]
        if missing:
            said = f"backend {name} is not installed ({', '.join(missing)} missing)"
            yield (
                note(f"{said}; it is optional.")
                if name in _OPTIONAL
                else problem(f"{said}; run `pip install {packages}`.")
            )
            continue
        if name in _SLOW:
            yield ok(
                f"backend {name} {installed_version(name)} is installed; not tested, because it loads slowly"
            )
            continue
        try:
            encoder = open_encoder(card, name)
            encoder.describe(view)
            start_s = time.perf_counter()
            encoder.describe(view)
            took_ms = (time.perf_counter() - start_s) * 1e3
            yield ok(f"backend {name} {installed_version(name)} runs {card.id}: {took_ms:.1f} ms per view")
        except GeolocError as error:
            yield problem(f"backend {name}: {error}")
