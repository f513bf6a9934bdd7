# SPDX-License-Identifier: Apache-2.0
"""Contact sheets of clusters: a row of images for each cluster, queries left and references right."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array, Int64Array
from geoloc_training.arrays import (
    Image,
)
from geoloc_training.datasets.image_files import read_square
from geoloc_training.items import Item
from geoloc_training.methods.dmnil.labels import centroids

_ROWS_OF_A_KIND = 4  # largest, median and smallest clusters
_LEFT, _RIGHT = 7, 4  # images in a row
_CELL_PX, _FRAME_PX, _HEAD_PX = 96, 3, 44
_WRONG, _PLAIN, _INK = (214, 39, 40), (255, 255, 255), (0, 0, 0)
_STREAM = 9  # separates these random numbers from other uses of the same seed


@dataclass(frozen=True)
class Members:
    """Training images with their descriptors and labels in an epoch, each for queries and references.

    Attributes:
        items: images of the two views.
        features: unit descriptors (N, D) and (M, D).
        labels: labels (N,) and (M,), -1 for outliers.
        shared: whether equal labels of the two views mean the same place.
    """

    items: tuple[Sequence[Item], Sequence[Item]]
    features: tuple[Float32Array, Float32Array]
    labels: tuple[Int64Array, Int64Array]
    shared: bool

    def opposite(self, clusters: Int64Array) -> Int64Array:
        """Return the reference label that corresponds to each of the given query labels."""
        if self.shared:
            return clusters
        queries, references = (centroids(*side) for side in zip(self.features, self.labels, strict=True))
        nearest: Int64Array = (queries[clusters] @ references.T).argmax(axis=1)
        return nearest

    def of(self, side: int, label: int) -> Int64Array:
        """Return the indices of a label's images in a view, 0 for queries and 1 for references."""
        return np.flatnonzero(self.labels[side] == label)

    def place(self, label: int) -> str | None:
        """Return the most frequent place of a label's queries; None if places are unknown."""
        ids = [item.id for item in self.items[0]]
        if len(set(ids)) < 2:
            return None
        names, counts = np.unique([ids[i] for i in self.of(0, label)], return_counts=True)
        return str(names[counts.argmax()])


def chosen_clusters(labels: Int64Array, rng: np.random.Generator) -> Int64Array:
    """Return labels of the largest, median and smallest clusters, largest first; ties are random."""
    known, sizes = np.unique(labels[labels >= 0], return_counts=True)
    mixed = rng.permutation(len(known))
    order = mixed[np.argsort(-sizes[mixed], kind="stable")]
    if len(order) > 3 * _ROWS_OF_A_KIND:
        middle = (len(order) - _ROWS_OF_A_KIND) // 2
        kinds = order[:_ROWS_OF_A_KIND], order[middle:][:_ROWS_OF_A_KIND], order[-_ROWS_OF_A_KIND:]
        order = np.concatenate(kinds)
    chosen: Int64Array = known[order]
    return chosen


def sheet(members: Members, epoch: int, seed: int) -> Image:
    """Return the contact sheet of an epoch, uint8 RGB.

    A red frame marks an image that does not show the most frequent place of its row's queries. The right half
    of a row shows the same label if labels are shared, else the label of the nearest centroid.

    Raises:
        RasterError: an image cannot be read.
    """
    rng = np.random.default_rng([seed, _STREAM, epoch])
    clusters = chosen_clusters(members.labels[0], rng)
    rows = [
        _row(members, int(label), int(other), rng)
        for label, other in zip(clusters, members.opposite(clusters), strict=True)
    ]
    right = "the same label" if members.shared else "the nearest centroid"
    head = np.full((_HEAD_PX, rows[0].shape[1], 3), 255, np.uint8)
    _write(head, f"epoch {epoch}: {len(np.unique(members.labels[0][members.labels[0] >= 0]))} clusters", 1)
    _write(head, f"left: queries, right: references of {right}; red: differs from the queries' main place", 2)
    return np.concatenate([head, *rows])


def _row(members: Members, label: int, other: int, rng: np.random.Generator) -> Image:
    place = members.place(label)
    caption = np.full((_CELL_PX, _CELL_PX, 3), 255, np.uint8)
    _write(caption, f"no. {label}", 1)
    cells = [caption]
    for side, of, width in ((0, label, _LEFT), (1, other, _RIGHT)):
        rows = members.of(side, of)
        _write(caption, f"{len(rows)} {'left' if side == 0 else 'right'}", 2 + side)
        shown = rng.permutation(rows)[:width]
        cells += [_framed(members.items[side][i], place) for i in shown]
        cells += [np.full((_CELL_PX, _CELL_PX, 3), 255, np.uint8)] * (width - len(shown))
    cells.insert(1 + _LEFT, np.full((_CELL_PX, _CELL_PX // 8, 3), 255, np.uint8))
    return np.concatenate(cells, axis=1)


def _framed(item: Item, place: str | None) -> Image:
    right = place is None or item.id == place
    cell: NDArray[np.uint8] = np.full((_CELL_PX, _CELL_PX, 3), _PLAIN if right else _WRONG, np.uint8)
    inner = slice(_FRAME_PX, _CELL_PX - _FRAME_PX)
    cell[inner, inner] = read_square(item.path, _CELL_PX - 2 * _FRAME_PX)
    return cell


def _write(picture: Image, text: str, line: int) -> None:
    cv2.putText(picture, text, (6, 2 + 17 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, _INK, 1, cv2.LINE_AA)
