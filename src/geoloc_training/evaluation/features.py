# SPDX-License-Identifier: Apache-2.0
"""Describes images in batches, reads them in threads, and caches the descriptors on disk."""

import hashlib
import logging
import os
import tempfile
import zipfile
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array
from geoloc.errors import ModelError, ParameterError, RasterError
from geoloc.progress import progress_bar
from geoloc_training.arrays import (
    Describe,
    normalised,
)
from geoloc_training.datasets.image_files import read_square
from geoloc_training.items import Item

_FORMAT = "1"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Options for reading and describing images.

    Attributes:
        size_px: side S that images are resized to.
        flip: whether to add the descriptor of the mirrored image, as the scripts of University-1652, LPN and
            DenseUAV do. They add the raw outputs of the network; here both are normalized first.
        batch: number of images described at a time.
        threads: number of threads that read images.
        progress: whether to show a progress bar.
    """

    size_px: int
    flip: bool = False
    batch: int = 64
    threads: int = 2
    progress: bool = True


@dataclass(frozen=True)
class FeatureCache:
    """Cache of descriptors on disk.

    Attributes:
        folder: folder of the cache, created when first needed.
        model_key: unique key of the weights, such as their SHA-256.
    """

    folder: Path
    model_key: str

    def path(self, items: Sequence[Item], reading: Reading) -> Path:
        """Return the cache file of the given images; its name depends on their sizes and times.

        Raises:
            RasterError: an image is missing.
        """
        digest = hashlib.sha256("\0".join(map(repr, self._facts(reading))).encode())
        for item in items:
            try:
                facts = item.path.stat()
            except OSError as error:
                raise RasterError(
                    f"{item.path} cannot be read as an image; restore it or remove it from the data set."
                ) from error
            digest.update(f"\n{item.path}\0{facts.st_size}\0{facts.st_mtime_ns}".encode())
        return self.folder / f"{digest.hexdigest()[:32]}.npz"

    def _facts(self, reading: Reading) -> tuple[str | int | bool, ...]:
        return _FORMAT, self.model_key, reading.size_px, reading.flip


def describe_items(
    items: Sequence[Item],
    describe: Describe,
    reading: Reading,
    cache: FeatureCache | None = None,
    label: str = "describe",
) -> Float32Array:
    """Return the descriptors of items, from the cache if available.

    Args:
        items: images to describe.
        describe: uint8 views (N, S, S, 3) -> L2-normalized descriptors (N, D).
        reading: options for reading and describing.
        cache: cache of descriptors; None to compute them without caching.
        label: label of the progress bar.

    Returns:
        L2-normalized descriptors, float32 (N, D).

    Raises:
        RasterError: an image cannot be read.
        ModelError: a descriptor is not finite, or the number of descriptors is wrong.
        ParameterError: there are no items.
    """
    if not items:
        raise ParameterError(f"there are no images to describe ({label}); check the data set's folder.")
    path = cache.path(items, reading) if cache is not None else None
    kept = _load(path, len(items)) if path is not None else None
    if kept is not None:
        return kept
    found = _describe(items, describe, reading, label)
    if path is not None:
        _save(path, found)
    return found


def _describe(items: Sequence[Item], describe: Describe, reading: Reading, label: str) -> Float32Array:
    parts: list[Float32Array] = []
    with progress_bar(label=label, unit="image", total=len(items), shown=reading.progress) as bar:
        for views in _batches(items, reading):
            described = _with_mirror(describe, views) if reading.flip else describe(views)
            if len(described) != len(views) or not np.isfinite(described).all():
                first = items[sum(map(len, parts))].path
                raise ModelError(
                    f"the encoder's descriptors {described.shape} of {len(views)} images from {first} on "
                    "are too few or not finite, so its weights are broken; train again."
                )
            parts.append(np.asarray(described, np.float32))
            bar.update(len(views))
    return np.concatenate(parts)


def _with_mirror(describe: Describe, views: NDArray[np.uint8]) -> Float32Array:
    return normalised(describe(views) + describe(np.ascontiguousarray(views[:, :, ::-1])))


def _batches(items: Sequence[Item], reading: Reading) -> Iterator[NDArray[np.uint8]]:
    """Yield batches of images; the next batch is read while one is in use."""
    ahead: deque[list[Future[NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(reading.threads) as pool:
        for begin in range(0, len(items), reading.batch):
            some = items[begin : begin + reading.batch]
            ahead.append([pool.submit(read_square, item.path, reading.size_px) for item in some])
            if len(ahead) > 1:
                yield np.stack([future.result() for future in ahead.popleft()])
        yield np.stack([future.result() for future in ahead.popleft()])


def _load(path: Path, count: int) -> Float32Array | None:
    """Return cached descriptors, or None if the file is missing or damaged (the archive has checksums)."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = archive["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        found = np.zeros(0)
    if found.ndim != 2 or len(found) != count or found.dtype != np.float32:
        _LOG.warning("%s is damaged; its images are described again", path)
        return None
    return np.asarray(found)


def _save(path: Path, features: Float32Array) -> None:
    """Write a cache file atomically; if the disk is full, continue without the cache."""
    part = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            np.savez(file, features=features)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        _LOG.warning("descriptors are not cached, because %s cannot be written (%s)", path, error)
