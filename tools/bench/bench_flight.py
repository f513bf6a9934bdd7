# SPDX-License-Identifier: Apache-2.0
"""Measures filter and refinement for `bench.py`, relative to search and encoder."""

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from bench_rows import Row, median_ms, unit
from numpy.typing import NDArray

from geoloc.encoder import load_encoder
from geoloc.filter import BayesFilter
from geoloc.installed import find_model
from geoloc.mapping.directory import TILE_DTYPE
from geoloc.refine import Patch, make_method
from geoloc.search.coarse_search import CoarseSearch
from geoloc.search.index import open_index
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles
from geoloc_lab.world.world import World

_SEED = 1
_WORLD_M = 256.0  # side of the procedural world for the refinement
_TILES_ACROSS, _PITCH_M, _NOISE = 450, 22.5, 0.02


def filtering() -> Iterator[Row]:
    """Time a frame over 100 km² (200,000 tiles); ratios are to one exact search of the whole map."""
    tiles, descriptors = _great_map()
    flight, coarse = BayesFilter(tiles), CoarseSearch(tiles, descriptors)
    query = descriptors[len(tiles) // 2]
    index = open_index(descriptors)
    yield Row("exact search alone", median_ms(partial(index.search, query[None], 82)))
    clock, rng = itertools.count(), np.random.default_rng(_SEED)

    def frame(*, anew: bool) -> None:
        if anew:
            flight.forget()
        moved = (query + _NOISE * rng.standard_normal(query.size)).astype(np.float32)
        lookup = LookUp(moved / np.linalg.norm(moved), descriptors, coarse_search=coarse)
        flight.update(next(clock) * 100_000_000, lookup)

    yield Row("searching the whole map", median_ms(partial(frame, anew=True)))
    yield Row("searching in flight", median_ms(_lost(tiles, descriptors, coarse)), "12 m/s, no similar tile")
    for _ in range(10):
        frame(anew=False)
    yield Row("tracking", median_ms(partial(frame, anew=False)), "searches the whole map every 20th frame")


def _lost(tiles: Tiles, descriptors: NDArray[np.float32], coarse: CoarseSearch) -> Callable[[], object]:
    """Return a function that localizes the next frame of a flight (2 Hz) whose views resemble no tile."""
    flight, clock, rng = BayesFilter(tiles), itertools.count(), np.random.default_rng(_SEED)

    def frame() -> None:
        number = next(clock)
        flight.add_odometry(number * 500_000_000, (6.0 * number, 0.0))
        lookup = LookUp(unit(rng.standard_normal((1, 256))), descriptors, coarse_search=coarse)
        flight.update(number * 500_000_000, lookup)

    return frame


def _great_map() -> tuple[Tiles, NDArray[np.float32]]:
    """Return tiles every 22.5 m, and descriptors whose cosines fall off with distance as an encoder's do."""
    table = np.zeros(_TILES_ACROSS**2, dtype=TILE_DTYPE)
    axis_m = np.arange(_TILES_ACROSS) * _PITCH_M
    table["east_m"], table["north_m"] = np.tile(axis_m, _TILES_ACROSS), np.repeat(axis_m, _TILES_ACROSS)
    table["size_m"] = 4 * _PITCH_M
    rng = np.random.default_rng(_SEED)
    waves, phases = rng.normal(0.0, 1.0 / _PITCH_M, (2, 256)), rng.uniform(0.0, 2 * np.pi, 256)
    places = np.column_stack([table["east_m"], table["north_m"]])
    return Tiles(table, _PITCH_M, 4 * _PITCH_M), unit(np.cos(places @ waves + phases))


def refinement() -> Iterator[Row]:
    """Time the registration of a view of 160 pixels by method; ratios are to the encoder (onnxruntime)."""
    encoder = load_encoder(find_model(), threads=2)
    side, gsd_m = encoder.card.input_px, 0.5
    map_rgb, later = (World(_SEED, _WORLD_M, gsd_m).render(date) for date in (0, 1))
    first = (len(map_rgb) - 2 * side) // 2
    patch = Patch(
        map_rgb[first : first + 2 * side, first : first + 2 * side],
        np.ones((2 * side, 2 * side), bool),
        gsd_m,
    )
    at = first + side // 2 + 11
    view = np.ascontiguousarray(later[at : at + side, at : at + side])
    yield Row("encoder", median_ms(partial(encoder.describe, view[None])))
    for name in ("ncc", "sift"):
        method = make_method(name)
        found = method.register(view, patch)
        away_m = float(np.hypot(found.east_m - 11 * gsd_m, found.north_m + 11 * gsd_m))
        yield Row(
            name, median_ms(partial(method.register, view, patch)), f"{found.verdict}, {away_m:.1f} m off"
        )
