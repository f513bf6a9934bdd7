# SPDX-License-Identifier: Apache-2.0
"""Cross-date retrieval: recall of views of one date in map views of another date."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import BoolArray, Float32Array
from geoloc.camera.views import fill_invalid
from geoloc.errors import ParameterError
from geoloc_training.arrays import (
    Describe,
    Image,
)
from geoloc_training.datasets.imagery.ground import Ground, Look, render

_CHUNK = 64


@dataclass(frozen=True)
class Protocol:
    """One cross-date test.

    Attributes:
        city: group of places to search.
        map_date: date of the gallery's views.
        query_date: date of the queries.
        yaw_deg: bound of the uniform heading error in degrees; 180 for an unknown heading.
        offset_m: bound of the uniform offset of a query on each axis.
        scale: bound of the uniform relative error of a query's scale.
        view_size_m: side of the views on the ground.
        draws: number of queries for each place.
        seed: seed of the random queries.
        distractors: whether the gallery contains all other images, too.
        rotations: number of equally spaced rotations of each query; the best score counts.
    """

    city: str
    map_date: str
    query_date: str
    yaw_deg: float = 10.0
    offset_m: float = 12.0
    scale: float = 0.12
    view_size_m: float = 90.0
    draws: int = 4
    seed: int = 7
    distractors: bool = False
    rotations: int = 1

    @property
    def label(self) -> str:
        """Return the protocol in one line, for tables and cards."""
        yaw = {0.0: "yaw known", 180.0: "yaw unknown"}.get(self.yaw_deg, f"yaw ±{self.yaw_deg:g}°")
        turns = f", {self.rotations} rotations searched" if self.rotations > 1 else ""
        crowd = ", all other pictures as distractors" if self.distractors else ""
        where = f"{self.city} {self.map_date}→{self.query_date}"
        return f"{where}, ±{self.offset_m:g} m, ±{self.scale:.0%}, {yaw}{turns}{crowd}"


@dataclass(frozen=True)
class Recall:
    """Recall of a protocol, and scores for the calibration of thresholds.

    Attributes:
        label: description of the protocol.
        queries: number of queries.
        gallery: number of views searched.
        r1: share of queries whose best view shows the right place.
        r5: share of queries with the right place among the best five.
        scores: best score of each query, float32 (Q,).
        margins: best minus second-best score of each query, float32 (Q,).
        correct: whether the best view is right, bool (Q,).
    """

    label: str
    queries: int
    gallery: int
    r1: float
    r5: float
    scores: Float32Array
    margins: Float32Array
    correct: BoolArray


def parse_pair(text: str) -> Protocol:
    """Parse `city:map_date:query_date` to a protocol with the default errors."""
    parts = text.split(":")
    if len(parts) != 3 or not all(parts):
        raise ParameterError(
            f"'{text}' is no pair of dates; write city:map_date:query_date, such as chico:2018:2020."
        )
    city, map_date, query_date = parts
    return Protocol(city, map_date, query_date)


def evaluate(describe: Describe, grounds: Sequence[Ground], protocol: Protocol, size_px: int) -> Recall:
    """Run one protocol.

    Args:
        describe: uint8 views (N, S, S, 3) -> L2-normalized descriptors (N, D).
        grounds: dated places; places of `protocol.city` with both dates are tested, all are distractors.
        protocol: the test.
        size_px: side S of a view in pixels.

    Raises:
        ParameterError: no place of the city has both dates.
    """
    places = [
        g
        for g in grounds
        if g.group == protocol.city and {protocol.map_date, protocol.query_date} <= set(g.dates)
    ]
    if not places:
        raise ParameterError(
            f"no place of '{protocol.city}' has both {protocol.map_date} and {protocol.query_date}; correct "
            "the city or the dates."
        )
    gallery = describe(np.stack([_centre_view(g, protocol.map_date, protocol, size_px) for g in places]))
    owners = np.arange(len(places))
    if protocol.distractors:
        extra, extra_owners = _distractors(describe, grounds, places, protocol, size_px)
        gallery, owners = np.concatenate([gallery, extra]), np.concatenate([owners, extra_owners])
    targets = np.repeat(np.arange(len(places)), protocol.draws)
    scores = _best_scores(describe, _queries(places, protocol, size_px), gallery, protocol.rotations)
    # Another date of the query's own place is neither right nor wrong, so exclude it.
    same = owners[None, :] == targets[:, None]
    scores[same & (np.arange(len(gallery)) >= len(places))[None, :]] = -2.0
    return summarise(protocol.label, scores, targets)


def summarise(label: str, scores: Float32Array, targets: NDArray[np.intp]) -> Recall:
    """Compute recall from scores (Q, G) and each row's right column; a tie counts as a miss."""
    rows = np.arange(len(scores))
    right = scores[rows, targets]
    others = scores.copy()
    others[rows, targets] = -np.inf
    rank = (others >= right[:, None]).sum(axis=1)
    best_two = np.sort(scores, axis=1)[:, -2:]
    return Recall(
        label=label,
        queries=len(scores),
        gallery=scores.shape[1],
        r1=float((rank < 1).mean()),
        r5=float((rank < 5).mean()),
        scores=best_two[:, 1].astype(np.float32),
        margins=(best_two[:, 1] - best_two[:, 0]).astype(np.float32),
        correct=rank < 1,
    )


def in_chunks(describe: Describe) -> Describe:
    """Return a function that describes any number of views in bounded memory."""

    def run(views: NDArray[np.uint8]) -> Float32Array:
        return np.concatenate([describe(views[i : i + _CHUNK]) for i in range(0, len(views), _CHUNK)])

    return run


def _centre_view(ground: Ground, date: str, protocol: Protocol, size_px: int) -> Image:
    width, height = ground.extent_m
    image, valid = render(ground, date, Look(width / 2, height / 2, protocol.view_size_m), size_px)
    return fill_invalid(image, valid)


def _queries(places: Sequence[Ground], protocol: Protocol, size_px: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(protocol.seed)
    views = []
    for ground in places:
        width, height = ground.extent_m
        for _ in range(protocol.draws):
            east, south = rng.uniform(-protocol.offset_m, protocol.offset_m, 2)
            size_m = protocol.view_size_m * (1 + rng.uniform(-protocol.scale, protocol.scale))
            heading = np.deg2rad(rng.uniform(-protocol.yaw_deg, protocol.yaw_deg))
            look = Look(width / 2 + east, height / 2 + south, float(size_m), float(heading))
            views.append(fill_invalid(*render(ground, protocol.query_date, look, size_px)))
    return np.stack(views)


def _distractors(
    describe: Describe, grounds: Sequence[Ground], places: Sequence[Ground], protocol: Protocol, size_px: int
) -> tuple[Float32Array, NDArray[np.intp]]:
    """Return descriptors of all images outside the gallery, and the indices of their places (-1 if none)."""
    numbers = {ground.name: number for number, ground in enumerate(places)}
    entries = [
        (ground, date, numbers.get(ground.name, -1))
        for ground in grounds
        for date in ground.dates
        if not (ground.name in numbers and date == protocol.map_date)
    ]
    views = np.stack([_centre_view(ground, date, protocol, size_px) for ground, date, _ in entries])
    return describe(views), np.array([number for _, _, number in entries], np.intp)


def _best_scores(
    describe: Describe, queries: NDArray[np.uint8], gallery: Float32Array, rotations: int
) -> Float32Array:
    """Return cosines (Q, G), the best over the rotations of each query."""
    best = np.full((len(queries), len(gallery)), -np.inf, np.float32)
    for turn in range(rotations):
        turned = (
            queries if turn == 0 else np.stack([rotate(view, 360 * turn / rotations) for view in queries])
        )
        best = np.maximum(best, describe(turned) @ gallery.T)
    return best


def rotate(view: Image, angle_deg: float) -> Image:
    """Rotate a square view about its centre; empty corners are filled as in flight."""
    size = view.shape[0]
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), angle_deg, 1.0)
    valid = cv2.warpAffine(np.full((size, size), 255, np.uint8), matrix, (size, size)) > 250
    return fill_invalid(cv2.warpAffine(view, matrix, (size, size)), valid)
