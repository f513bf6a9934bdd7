# SPDX-License-Identifier: Apache-2.0
"""SUES-200: 200 places from four heights, as published (raw) or as its users split it.

Each height is a test of its own. The authors train a model for each height; here the heights are chosen, and
the satellite picture of a place, the same for all of them, is taken once.
"""

from collections.abc import Sequence
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.tree import Layout, Shelf, Trial, both_ways, check_tree, load_tree
from geoloc_training.items import Benchmark

HEIGHTS_M = (150, 200, 250, 300)
_SPLITS = (("Training", "Testing"), ("train", "test"))
_RAW = ("drone_view_512", "satellite-view")

# The published 120 places to learn from; the other 80 are looked up among all 200.
_LEARNT = (
    "1-7 9-11 13 15 16 20 21 24-34 36 37 39 43-45 51 55-58 60 64 66 67 69 70 73 74 76 77 80-82 84-91 94 96 "
    "97 100-106 113 116 118-120 123 125-127 129 132 134 137 139 141 142 145-149 151 152 155-160 163 166-169 "
    "171 174 179 180 182-187 191-193 196-200"
)


def load(root: Path, heights_m: Sequence[int] = HEIGHTS_M) -> Benchmark:
    """Load the data set at some of its heights, the places learnt from standing in the galleries too.

    Raises:
        ParameterError: another height, or the first thing that is missing or malformed.
    """
    return load_tree(_layout(root, heights_m))


def check(root: Path, heights_m: Sequence[int] = HEIGHTS_M) -> list[str]:
    """Return sentences that say what is missing or malformed; ParameterError on another height."""
    return check_tree(_layout(root, heights_m))


def training_places() -> frozenset[str]:
    """Return the names of the 120 places of the published split."""
    ends = [[int(end) for end in word.split("-")] for word in _LEARNT.split()]
    return frozenset(f"{number:04d}" for end in ends for number in range(end[0], end[-1] + 1))


def _layout(root: Path, heights_m: Sequence[int]) -> Layout:
    if not heights_m or not set(heights_m) <= set(HEIGHTS_M):
        raise ParameterError(
            f"heights_m={tuple(heights_m)} are not SUES-200's; choose among {', '.join(map(str, HEIGHTS_M))}."
        )
    if any((root / name).exists() for name in _RAW):
        return _raw(root, heights_m)
    names = next((pair for pair in _SPLITS if any((root / name).exists() for name in pair)), None)
    if names is not None:
        return _split(root, heights_m, names)
    # No layout at all: whichever of them lies one level off says what the right root is.
    ways = (_raw(root, heights_m), *(_split(root, heights_m, pair) for pair in _SPLITS))
    near = [root.resolve().parent, *(root.iterdir() if root.is_dir() else ())]
    return next((way for way in ways for path in near if _holds(path, way.needs)), ways[1])


def _holds(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).exists() for name in names)


def _split(root: Path, heights_m: Sequence[int], names: tuple[str, str]) -> Layout:
    training, testing = (root / name for name in names)
    return _with_shelves(
        root,
        heights_m,
        names,
        [Shelf(training / str(height) / "drone", "drone") for height in heights_m],
        Shelf(training / str(heights_m[0]) / "satellite", "satellite"),
        [trial for height in heights_m for trial in both_ways(testing / str(height), f", {height} m")],
    )


def _raw(root: Path, heights_m: Sequence[int]) -> Layout:
    drone, satellite = (root / name for name in _RAW)
    learnt = training_places()
    found = {path.name for folder in (drone, satellite) if folder.is_dir() for path in folder.iterdir()}
    tested = frozenset(found - learnt)
    trials = []
    for height in map(str, heights_m):
        looked_up = Shelf(drone, "drone", height, tested), Shelf(satellite, "satellite", only=tested)
        galleries = Shelf(drone, "drone", height), Shelf(satellite, "satellite")
        trials += [
            Trial(f"drone→satellite, {height} m", looked_up[0], galleries[1]),
            Trial(f"satellite→drone, {height} m", looked_up[1], galleries[0]),
        ]
    return _with_shelves(
        root,
        heights_m,
        _RAW,
        [Shelf(drone, "drone", str(height), learnt) for height in heights_m],
        Shelf(satellite, "satellite", only=learnt),
        trials,
    )


def _with_shelves(
    root: Path,
    heights_m: Sequence[int],
    needs: tuple[str, ...],
    queries: list[Shelf],
    references: Shelf,
    trials: list[Trial],
) -> Layout:
    every = tuple(heights_m) == HEIGHTS_M
    return Layout(
        name="sues200" if every else "_".join(("sues200", *map(str, heights_m))),
        title="SUES-200",
        root=root,
        needs=needs,
        queries=tuple(queries),
        references=(references,),
        trials=tuple(trials),
        metrics=("recall", "ap_trapezoid"),
    )
