# SPDX-License-Identifier: Apache-2.0
"""Writes descriptors for University-1652's own script, `evaluate_gpu.py`, to verify our figures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import scipy.io

from geoloc.arrays import Float32Array, Int64Array
from geoloc.errors import ParameterError
from geoloc_training.evaluation.protocols import ProtocolName, junk
from geoloc_training.items import Item, Task

RESULT_NAME = "pytorch_result.mat"
_JUNK = -1


def write_result(
    folder: Path, task: Task, queries: Float32Array, gallery: Float32Array, protocol: ProtocolName = "full"
) -> Path:
    """Write `pytorch_result.mat` for one test; run `evaluate_gpu.py` in that folder to score it.

    Args:
        folder: folder of the file, created if missing.
        task: test whose matches are images with the same id.
        queries: descriptors of its queries (Q, D).
        gallery: descriptors of its gallery (G, D).
        protocol: protocol; `sample4geo` sets the label of entries that do not compete to -1, which the script
            excludes.

    Returns:
        Path of the file.

    Raises:
        ParameterError: the task lists its matches, or the file cannot be written.
    """
    if task.positives is not None:
        raise ParameterError(
            f"'{task.name}' lists its matches, which University-1652's script cannot read; "
            "export a test whose matches have the same id."
        )
    numbers = _numbers((*task.queries, *task.gallery))
    labels, aside = _labels(task.gallery, numbers), junk(task, protocol)
    if aside is not None:
        labels[aside] = _JUNK
    content = {
        "gallery_f": gallery,
        "gallery_label": labels,
        "gallery_path": [str(item.path) for item in task.gallery],
        "query_f": queries,
        "query_label": _labels(task.queries, numbers),
        "query_path": [str(item.path) for item in task.queries],
    }
    path = folder / RESULT_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scipy.io.savemat(path, content)
    except OSError as error:
        raise ParameterError(f"{path} cannot be written ({error}); choose another folder.") from error
    return path


def _numbers(items: Sequence[Item]) -> dict[str, int]:
    """Return a number for each id: the id itself if all are numeric, as in the script, else an index."""
    ids = list(dict.fromkeys(item.id for item in items))
    own = {place: int(place) for place in ids if place.isdecimal()}
    if len(set(own.values())) == len(ids):
        return own
    return {place: number for number, place in enumerate(ids)}


def _labels(items: Sequence[Item], numbers: dict[str, int]) -> Int64Array:
    return np.array([numbers[item.id] for item in items], np.int64)
