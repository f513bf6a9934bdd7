# SPDX-License-Identifier: Apache-2.0
"""Proof that what flies is what was trained: every backend against torch, on real views."""

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
_TIE = 1e-6  # what float32 leaves of a cosine; views closer than that are equally good
_CHUNK = 64
_THREADS = 2
_TIMED = 50


@dataclass(frozen=True)
class RealViews:
    """What backends are compared on: views as they are flown and looked up.

    Attributes:
        queries: drone views, uint8 (Q, S, S, 3).
        gallery: map views they are looked up among, uint8 (G, S, S, 3).
    """

    queries: NDArray[np.uint8]
    gallery: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if len(self.queries) < 1 or len(self.gallery) < 2:
            raise ModelError(
                f"{len(self.queries)} drone views and {len(self.gallery)} map views prove nothing about a "
                "backend; give at least one and two."
            )


@dataclass(frozen=True)
class Parity:
    """How well a backend agrees with torch.

    Attributes:
        lowest_cosine: between the two descriptors of one view, over all views.
        top1_agreement: share of queries for which both find the same map view best.
        queries: how many that share is of.
    """

    lowest_cosine: float
    top1_agreement: float
    queries: int


def installed_encoders(card: ModelCard) -> dict[str, Encoder]:
    """Return a model in every backend that is installed here."""
    return {name: open_encoder(card, name, _THREADS) for name in BACKENDS if find_spec(name) is not None}


def not_compared(found: Mapping[str, Parity]) -> list[str]:
    """Return backends of which nothing was found, because they are not installed here."""
    return [name for name in BACKENDS if name not in (_REFERENCE, *found)]


def check_parity(encoders: Mapping[str, Encoder], views: RealViews) -> dict[str, Parity]:
    """Compare each backend with torch.

    Args:
        encoders: one model in several backends, torch among them.
        views: real ones.

    Returns:
        What was found, by backend; torch left out.

    Raises:
        ModelError: a cosine under 0.999, or another best view for more than 0.5 % of the queries.
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
    """Compare descriptors of queries (Q, D) and gallery (G, D) with those of a reference.

    Two map views that the reference itself scores alike, to float32's precision, are both its best.
    """
    cosines = [(mine * theirs).sum(axis=1).min() for mine, theirs in zip(reference, other, strict=True)]
    scores = reference[0] @ reference[1].T
    chosen = np.argmax(other[0] @ other[1].T, axis=1)
    same = scores[np.arange(len(scores)), chosen] >= scores.max(axis=1) - _TIE
    return Parity(float(min(cosines)), float(same.mean()), len(same))


def measure_latency(encoders: Mapping[str, Encoder], views: NDArray[np.uint8]) -> dict[str, float | str]:
    """Return median milliseconds to describe one view, by backend, and how it was measured."""
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
            f"{backend} differs from torch: the lowest cosine over {parity.queries} pairs of real views "
            f"is {parity.lowest_cosine:.6f}, at least {MIN_COSINE} is wanted; nothing exported."
        )
    if not parity.top1_agreement >= MIN_TOP1:
        raise ModelError(
            f"{backend} differs from torch: for {parity.top1_agreement:.2%} of {parity.queries} real queries "
            f"both find the same best view, at least {MIN_TOP1:.1%} is wanted; nothing exported."
        )
