# SPDX-License-Identifier: Apache-2.0
"""Writes a figure of the worst queries, with their true match and the best entries."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from geoloc.arrays import Int64Array
from geoloc_training.arrays import (
    Image,
)
from geoloc_training.datasets.image_files import read_square
from geoloc_training.evaluation.benchmark import Result
from geoloc_training.evaluation.protocols import truth
from geoloc_training.evaluation.ranking import UNFOUND

_TILE_PX, _CAPTION_PX, _BORDER_PX, _TOP = 160, 22, 4, 5
_RIGHT, _WRONG, _PLAIN = (40, 140, 40), (190, 40, 40), (120, 120, 120)
_PAPER, _INK = 255, (30, 30, 30)


def worst_queries(result: Result, count: int) -> Int64Array:
    """Return the queries whose best true match ranks lowest, worst first, without queries without a match."""
    first = result.ranking.first()
    found = np.flatnonzero(first != UNFOUND)
    return np.asarray(found[np.argsort(-first[found], kind="stable")][:count], np.int64)


def write_worst(path: Path, results: Sequence[Result], count: int = 5) -> None:
    """Write a PNG with a section for each result and a row for each query.

    A green frame marks a right entry, a red frame a wrong entry.

    Raises:
        OSError: the file cannot be written.
        RasterError: an image cannot be read.
    """
    sections = [part for result in results for part in _section(result, count)]
    picture = cv2.cvtColor(np.concatenate(sections), cv2.COLOR_RGB2BGR)
    written, data = cv2.imencode(".png", picture)
    if not written:
        raise OSError(f"{path}: OpenCV cannot write PNG")
    path.write_bytes(data.tobytes())


def _section(result: Result, count: int) -> list[Image]:
    right = truth(result.task)
    rows = [_row(result, int(query), right.of(int(query))) for query in worst_queries(result, count)]
    return [_heading(f"{result.task.name}, {result.protocol}: the worst queries"), *rows]


def _row(result: Result, query: int, right: Int64Array) -> Image:
    task, ranking = result.task, result.ranking
    rank, score = ranking.first()[query] + 1, ranking.nearest_scores[query]
    match = task.gallery[ranking.nearest[query]]
    tiles = [
        _tile(task.queries[query].path, f"query {task.queries[query].id}", _PLAIN),
        _tile(match.path, f"true: rank {rank}, {score:.3f}", _RIGHT),
    ]
    entries = zip(ranking.best[query][:_TOP], ranking.best_scores[query], strict=False)
    for place, (entry, found) in enumerate(entries, start=1):
        caption = f"{place}: {task.gallery[entry].id}, {found:.3f}"
        tiles.append(_tile(task.gallery[entry].path, caption, _RIGHT if entry in right else _WRONG))
    blank = np.full_like(tiles[0], _PAPER)
    return np.concatenate([*tiles, *[blank] * (_TOP + 2 - len(tiles))], axis=1)


def _tile(path: Path, caption: str, colour: tuple[int, int, int]) -> Image:
    side = _TILE_PX + 2 * _BORDER_PX
    tile = np.full((side + _CAPTION_PX, side + _BORDER_PX, 3), _PAPER, np.uint8)
    tile[:side, :side] = colour
    tile[_BORDER_PX : side - _BORDER_PX, _BORDER_PX : side - _BORDER_PX] = read_square(path, _TILE_PX)
    return _write(tile, caption, side + _CAPTION_PX - 7, 0.38)


def _heading(text: str) -> Image:
    width = (_TOP + 2) * (_TILE_PX + 3 * _BORDER_PX)
    return _write(np.full((2 * _CAPTION_PX, width, 3), _PAPER, np.uint8), text, 28, 0.6)


def _write(image: Image, text: str, baseline: int, size: float) -> Image:
    """Draw text into an image in ASCII, as OpenCV requires; arrows become "->", other characters "?"."""
    plain = text.replace("→", "->").encode("ascii", "replace").decode()
    cv2.putText(image, plain, (4, baseline), cv2.FONT_HERSHEY_SIMPLEX, size, _INK, 1, cv2.LINE_AA)
    return image
