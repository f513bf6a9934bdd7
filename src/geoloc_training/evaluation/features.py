# SPDX-License-Identifier: Apache-2.0
"""Pictures described once: read in threads, described in batches, kept on disk by model and data."""

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
    """How pictures are described.

    Attributes:
        size_px: side S the pictures are brought to.
        flip: add the descriptor of the mirrored picture, as the scripts of University-1652, LPN, DenseUAV do;
            they add what the network puts out, here both are first brought to length 1.
        batch: pictures described at a time.
        threads: threads that read.
        progress: whether to show a bar.
    """

    size_px: int
    flip: bool = False
    batch: int = 64
    threads: int = 2
    progress: bool = True


@dataclass(frozen=True)
class FeatureCache:
    """Descriptors on disk.

    Attributes:
        folder: where they lie; made when first needed.
        model_key: tells one set of weights from all others, such as their sha256.
    """

    folder: Path
    model_key: str

    def path(self, items: Sequence[Item], reading: Reading) -> Path:
        """Return the file of these pictures as they are now: a picture that changes changes its name.

        Raises:
            RasterError: a picture is missing.
        """
        digest = hashlib.sha256("\0".join(map(repr, self._facts(reading))).encode())
        for item in items:
            try:
                facts = item.path.stat()
            except OSError as error:
                raise RasterError(
                    f"{item.path} cannot be read as a picture; restore it or remove it from the data set."
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
    """Return descriptors of items, from the cache where it has them.

    Args:
        items: what to describe.
        describe: uint8 views (N, S, S, 3) -> L2-normalised descriptors (N, D).
        reading: how.
        cache: where descriptors are kept; None computes them anew and keeps nothing.
        label: word before the progress bar.

    Returns:
        L2-normalised float32 (N, D).

    Raises:
        RasterError: a picture cannot be read; the sentence names it.
        ModelError: a descriptor is not finite, or there are not as many as pictures.
        ParameterError: no items.
    """
    if not items:
        raise ParameterError(f"there is nothing to {label}; check the data set's folder.")
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
    with progress_bar(label=label, unit="picture", total=len(items), shown=reading.progress) as bar:
        for views in _batches(items, reading):
            described = _with_mirror(describe, views) if reading.flip else describe(views)
            if len(described) != len(views) or not np.isfinite(described).all():
                first = items[sum(map(len, parts))].path
                raise ModelError(
                    f"the encoder's descriptors {described.shape} of {len(views)} pictures from {first} on "
                    "are too few or not finite; its weights are broken, train again."
                )
            parts.append(np.asarray(described, np.float32))
            bar.update(len(views))
    return np.concatenate(parts)


def _with_mirror(describe: Describe, views: NDArray[np.uint8]) -> Float32Array:
    return normalised(describe(views) + describe(np.ascontiguousarray(views[:, :, ::-1])))


def _batches(items: Sequence[Item], reading: Reading) -> Iterator[NDArray[np.uint8]]:
    """Return batches of pictures, one read ahead of the one in use."""
    ahead: deque[list[Future[NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(reading.threads) as pool:
        for begin in range(0, len(items), reading.batch):
            some = items[begin : begin + reading.batch]
            ahead.append([pool.submit(read_square, item.path, reading.size_px) for item in some])
            if len(ahead) > 1:
                yield np.stack([future.result() for future in ahead.popleft()])
        yield np.stack([future.result() for future in ahead.popleft()])


def _load(path: Path, count: int) -> Float32Array | None:
    """Return kept descriptors; None without any, or with a damaged file (the archive has checksums)."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as archive:
            found = archive["features"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        found = np.zeros(0)
    if found.ndim != 2 or len(found) != count or found.dtype != np.float32:
        _LOG.warning("%s is damaged; its pictures are described again", path)
        return None
    return np.asarray(found)


def _save(path: Path, features: Float32Array) -> None:
    """Write beside and rename, so that a half-written file never has the name; without room go on without."""
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
        _LOG.warning("descriptors are not kept: %s cannot be written (%s)", path, error)
