# SPDX-License-Identifier: Apache-2.0
"""Plots of both views' descriptors over epochs, projected onto the last epoch's two principal axes."""

import colorsys
import io
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geoloc.arrays import Float32Array, Int64Array

Sides = tuple[Float32Array, Float32Array]
Labels = tuple[Int64Array, Int64Array]

_SAMPLED = 1000  # images of a view
_PANELS, _COLUMNS = 6, 3
_STREAM = 8  # separates these random numbers from other uses of the same seed
_GOLDEN = 0.618034
_OUTLIER = "#b8b8b8"
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sample:
    """Descriptors of some images in an epoch; a run samples the same images in every epoch.

    Attributes:
        epoch: number of the epoch.
        query_rows: indices of the queries, int64 (Q,).
        reference_rows: indices of the references, int64 (R,).
        features: descriptors of the queries, then of the references, float16 (Q + R, D).
        labels: labels in the same order, -1 for outliers, int64 (Q + R,).
        shared: whether equal labels of the two views mean the same place.
    """

    epoch: int
    query_rows: Int64Array
    reference_rows: Int64Array
    features: NDArray[np.float16]
    labels: Int64Array
    shared: bool

    @property
    def colours(self) -> list[str]:
        """Return a colour for each image; a cluster's colour depends on its first member."""
        apart = self.labels.copy()
        if not self.shared:
            apart[len(self.query_rows) :] += (apart[len(self.query_rows) :] >= 0) * (apart.max(initial=0) + 1)
        _, first, inverse = np.unique(apart, return_index=True, return_inverse=True)
        hues = (first[inverse] * _GOLDEN) % 1
        return [
            _OUTLIER if label < 0 else to_hex(colorsys.hsv_to_rgb(hue, 0.85, 0.85))
            for label, hue in zip(apart.tolist(), hues.tolist(), strict=True)
        ]


def keep_sample(folder: Path, epoch: int, features: Sides, labels: Labels, shared: bool, seed: int) -> None:
    """Save an epoch's descriptors as `sample-epoch-NN.npz`, for the same images as in the first sample.

    Args:
        folder: folder of the run's plots.
        epoch: number of the epoch.
        features: descriptors of queries (N, D) and references (M, D).
        labels: labels of the same images.
        shared: whether equal labels of the two views mean the same place.
        seed: seed for the choice of images in the first sample.

    Raises:
        OSError: the file cannot be written.
    """
    before = kept_samples(folder)
    if before:
        rows = before[0].query_rows, before[0].reference_rows
    else:
        rng = np.random.default_rng([seed, _STREAM])
        rows = _whole_clusters(labels[0], rng), _whole_clusters(labels[1], rng)
    stored = io.BytesIO()
    np.savez(
        stored,
        epoch=epoch,
        query_rows=rows[0],
        reference_rows=rows[1],
        features=np.concatenate([side[some] for side, some in zip(features, rows, strict=True)]).astype("f2"),
        labels=np.concatenate([side[some] for side, some in zip(labels, rows, strict=True)]),
        shared=shared,
    )
    (folder / f"sample-epoch-{epoch:02d}.npz").write_bytes(stored.getvalue())


def kept_samples(folder: Path) -> list[Sample]:
    """Return all readable samples in the order of epochs."""
    found = []
    for path in folder.glob("sample-epoch-*.npz"):
        try:
            with np.load(path) as stored:
                values = {name: stored[name] for name in stored.files}
            found.append(Sample(int(values.pop("epoch")), shared=bool(values.pop("shared")), **values))
        except _UNREADABLE as error:
            _LOG.warning("%s cannot be read (%s) and is left out of descriptors.png", path, error)
    return sorted(found, key=lambda sample: sample.epoch)


def panels(samples: Sequence[Sample]) -> Figure:
    """Plot a panel for each of up to six epochs, including the first and the last sample."""
    chosen = [samples[i] for i in _spread(len(samples))]
    centre, axes, share = _basis(np.asarray(chosen[-1].features, np.float32))
    columns = min(_COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(1 + 3.6 * columns, 1 + 3.6 * rows), dpi=110, layout="constrained")
    drawn = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for panel, sample in zip(drawn, chosen, strict=False):
        at = np.asarray((sample.features - centre) @ axes, np.float32)
        _draw(panel, sample, at)
    for panel in drawn[len(chosen) :]:
        panel.remove()
    figure.suptitle(
        f"descriptors on the two principal axes of epoch {chosen[-1].epoch} ({share:.0%} of its variance)\n"
        "dots: query view, triangles: reference view; colour: cluster, grey: outlier",
        fontsize=10,
    )
    return figure


def _spread(count: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, _PANELS)).tolist()})


def _basis(rows: Float32Array) -> tuple[Float32Array, Float32Array, float]:
    """Return the centre (D,), the two principal axes (D, 2) and their share of the variance."""
    centre = rows.mean(axis=0, dtype=np.float32)
    _, lengths, axes = np.linalg.svd(rows - centre, full_matrices=False)
    total = float((lengths**2).sum())
    return centre, axes[:2].T, float((lengths[:2] ** 2).sum()) / total if total else 0.0


def _draw(panel: Axes, sample: Sample, at: Float32Array) -> None:
    colours, queries = sample.colours, len(sample.query_rows)
    for some, marker, size, edge in (
        (slice(None, queries), "o", 9, "none"),
        (slice(queries, None), "^", 26, "black"),
    ):
        x, y = at[some].T
        panel.scatter(
            x, y, c=colours[some], marker=marker, s=size, edgecolors=edge, linewidths=0.4, alpha=0.8
        )
    clusters = len(np.unique(sample.labels[:queries][sample.labels[:queries] >= 0]))
    panel.set_title(
        f"epoch {sample.epoch}: {clusters} query clusters{', shared' if sample.shared else ''}",
        fontsize=9,
    )
    panel.tick_params(labelsize=7)


def _whole_clusters(labels: Int64Array, rng: np.random.Generator) -> Int64Array:
    """Sample at most 1000 images: whole clusters, and outliers in their overall proportion."""
    outliers = rng.permutation(np.flatnonzero(labels < 0))
    count = round(_SAMPLED * len(outliers) / len(labels)) if len(labels) > _SAMPLED else len(outliers)
    turn = rng.permutation(int(labels.max(initial=-1)) + 1)
    kept = np.flatnonzero(labels >= 0)
    clustered = kept[np.argsort(turn[labels[kept]], kind="stable")]
    return np.concatenate([clustered[: _SAMPLED - count], outliers[:count]])
