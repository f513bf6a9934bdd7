# SPDX-License-Identifier: Apache-2.0
"""Comparison of the other encoder backends with torch, on real views."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from geoloc.encoder import BACKENDS, Encoder, ModelCard, open_encoder
from geoloc.errors import ModelError

MIN_COSINE = 0.999
MIN_TOP1 = 0.995
_REFERENCE = "torch"
_TIE = 1e-6  # rounding error of a float32 cosine; scores within it count as equal
_CHUNK = 64
_THREADS = 2
_TIMED = 50


@dataclass(frozen=True)
class RealViews:
    """Real views for the comparison of backends.

    Attributes:
        queries: drone views, uint8 (Q, S, S, 3).
        gallery: map views that the queries are compared with, uint8 (G, S, S, 3).
    """

    queries: NDArray[np.uint8]
    gallery: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if len(self.queries) < 1 or len(self.gallery) < 2:
            raise ModelError(
                f"{len(self.queries)} drone views and {len(self.gallery)} map views are too few to compare "
                "backends; give at least one drone view and two map views."
            )


@dataclass(frozen=True)
class Parity:
    """Agreement of a backend with torch.

    Attributes:
        lowest_cosine: lowest cosine between the two backends' descriptors of a view, over all views.
        top1_agreement: share of queries for which both backends rank the same map view first.
        queries: number of queries.
    """

    lowest_cosine: float
    top1_agreement: float
    queries: int


def installed_encoders(card: ModelCard) -> dict[str, Encoder]:
    """Return the model's encoder in every installed backend."""
    return {name: open_encoder(card, name, _THREADS) for name in BACKENDS if find_spec(name) is not None}


def not_compared(found: Mapping[str, Parity]) -> list[str]:
    """Return the backends that were not compared because they are not installed."""
    return [name for name in BACKENDS if name not in (_REFERENCE, *found)]


def check_parity(encoders: Mapping[str, Encoder], views: RealViews) -> dict[str, Parity]:
    """Compare each backend with torch.

    Args:
        encoders: encoders of one model by backend, including torch.
        views: real views.

    Returns:
        Agreement by backend, without torch.

    Raises:
        ModelError: a cosine is below 0.999, or the best view differs for more than 0.5 % of the queries.
    """
    queries, gallery = (_describe(encoders[_REFERENCE], part) for part in (views.queries, views.gallery))
    found: dict[str, Parity] = {}
    for name, encoder in encoders.items():
        if name != _REFERENCE:
            theirs = _describe(encoder, views.queries), _describe(encoder, views.gallery)
            found[name] = compare((queries, gallery), theirs)
            _require(name, found[name])
    return found


def compare(
    reference: tuple[NDArray[np.float32], NDArray[np.float32]],
    other: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> Parity:
    """Compare descriptors of queries (Q, D) and gallery (G, D) with those of a reference backend.

    Map views whose scores by the reference differ by less than float32's rounding error all count as best.
    """
    cosines = [(mine * theirs).sum(axis=1).min() for mine, theirs in zip(reference, other, strict=True)]
    scores = reference[0] @ reference[1].T
    chosen = np.argmax(other[0] @ other[1].T, axis=1)
    same = scores[np.arange(len(scores)), chosen] >= scores.max(axis=1) - _TIE
    return Parity(float(min(cosines)), float(same.mean()), len(same))


def measure_latency(encoders: Mapping[str, Encoder], views: NDArray[np.uint8]) -> dict[str, float | str]:
    """Return the median milliseconds to describe one view by backend, and the conditions of measurement."""
    latency: dict[str, float | str] = {"conditions": f"one view, {_THREADS} threads, median"}
    for name, encoder in encoders.items():
        times = []
        for number in range(_TIMED):
            view = views[number % len(views)][None]
            start = time.perf_counter()
            encoder.describe(view)
            times.append(time.perf_counter() - start)
        latency[name] = round(1000 * float(np.median(times)), 1)
    return latency


def _describe(encoder: Encoder, views: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.concatenate([encoder.describe(views[i : i + _CHUNK]) for i in range(0, len(views), _CHUNK)])


def _require(backend: str, parity: Parity) -> None:
    if not parity.lowest_cosine >= MIN_COSINE:
        raise ModelError(
            f"{backend} differs from torch: the lowest cosine over {parity.queries} pairs of real views is "
            f"{parity.lowest_cosine:.6f}, below {MIN_COSINE}, so nothing was exported; "
            f"choose another backbone or another version of {backend}."
        )
    if not parity.top1_agreement >= MIN_TOP1:
        raise ModelError(
            f"{backend} differs from torch: both rank the same view first for {parity.top1_agreement:.2%} of "
            f"{parity.queries} real queries, below {MIN_TOP1:.1%}, so nothing was exported; "
            f"choose another backbone or another version of {backend}."
        )
