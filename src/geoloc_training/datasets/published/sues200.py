# SPDX-License-Identifier: Apache-2.0
"""SUES-200: 200 places seen from four heights, in the published (raw) layout or in its usual split layout.

Each height has its own tests. The authors train one model for each height. Here the heights are an option,
and the satellite image of a place, which is the same for all heights, is used once.
"""

from collections.abc import Sequence
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.datasets.published.tree import Layout, Shelf, Trial, both_ways, check_tree, load_tree
from geoloc_training.items import Benchmark

HEIGHTS_M = (150, 200, 250, 300)
_SPLITS = (("Training", "Testing"), ("train", "test"))
_RAW = ("drone_view_512", "satellite-view")

# The published 120 training places; the other 80 are the queries, with a gallery of all 200.
_LEARNT = (
    "1-7 9-11 13 15 16 20 21 24-34 36 37 39 43-45 51 55-58 60 64 66 67 69 70 73 74 76 77 80-82 84-91 94 96 "
    "97 100-106 113 116 118-120 123 125-127 129 132 134 137 139 141 142 145-149 151 152 155-160 163 166-169 "
    "171 174 179 180 182-187 191-193 196-200"
)


def load(root: Path, heights_m: Sequence[int] = HEIGHTS_M) -> Benchmark:
    """Load the data set at the given heights; the galleries include the training places.

    Raises:
        ParameterError: a height is unknown, or a file or folder is missing or malformed.
    """
    return load_tree(_layout(root, heights_m))


def check(root: Path, heights_m: Sequence[int] = HEIGHTS_M) -> list[str]:
    """Return a sentence for each missing or malformed file or folder.

    Raises:
        ParameterError: a height is unknown.
    """
    return check_tree(_layout(root, heights_m))


def training_places() -> frozenset[str]:
    """Return the names of the 120 training places of the published split."""
    ends = [[int(end) for end in word.split("-")] for word in _LEARNT.split()]
    return frozenset(f"{number:04d}" for end in ends for number in range(end[0], end[-1] + 1))


def _layout(root: Path, heights_m: Sequence[int]) -> Layout:
    if not heights_m or not set(heights_m) <= set(HEIGHTS_M):
        raise ParameterError(
            f"heights_m={tuple(heights_m)} are not heights of SUES-200; choose among "
            f"{', '.join(map(str, HEIGHTS_M))}."
        )
    if any((root / name).exists() for name in _RAW):
        return _raw(root, heights_m)
    names = next((pair for pair in _SPLITS if any((root / name).exists() for name in pair)), None)
    if names is not None:
        return _split(root, heights_m, names)
    # The root has no known layout. A layout found one level up or down lets the check name the right root.
    layouts = (_raw(root, heights_m), *(_split(root, heights_m, pair) for pair in _SPLITS))
    near = [root.resolve().parent, *(root.iterdir() if root.is_dir() else ())]
    return next((layout for layout in layouts for path in near if _holds(path, layout.needs)), layouts[1])


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
