# SPDX-License-Identifier: Apache-2.0
"""Table of the published data sets, by the names that `data=…` and `geoloc-train datasets` use.

`map`, the user's own imagery, is not a published set: it can be checked, but has no tests to load.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from geoloc.errors import ParameterError
from geoloc_training.datasets.data_config import MAP
from geoloc_training.datasets.imagery.images import survey_images
from geoloc_training.datasets.published import cvact, cvusa, denseuav, gta_uav, sues200, university, vigor
from geoloc_training.items import Benchmark

Size = tuple[int, int]


@dataclass(frozen=True)
class DataSet:
    """A published data set, or one of its published splits.

    Attributes:
        title: name given by the authors.
        views: views of the queries and of the references, such as drone and satellite.
        module: module with `load(root, …)` and `check(root, …)`.
        options: further arguments of `load` and `check`.
        published: published numbers of images and places of each part, as in `benchmark_sizes`.
    """

    title: str
    views: tuple[str, str]
    module: ModuleType
    options: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Size] = field(default_factory=dict)

    def load(self, root: Path) -> Benchmark:
        """Load the data set; a GeolocError names the first missing or malformed file or folder."""
        loaded: Benchmark = self.module.load(root, **self.options)
        return loaded

    def check(self, root: Path) -> list[str]:
        """Return a sentence for each missing or malformed file or folder."""
        return list(self.module.check(root, **self.options))


def load_benchmark(name: str, root: Path | str) -> Benchmark:
    """Load a published data set from its unpacked folder.

    Raises:
        ParameterError: the data set is unknown, no folder is given, or a file or folder is missing or
            malformed.
        RasterError: a table of the data set cannot be read.
    """
    known = data_set(name)
    return known.load(_folder(known.title, root))


def check_dataset(name: str, root: Path | str) -> list[str]:
    """Return a sentence for each missing or malformed file in the folder of a data set.

    Raises:
        ParameterError: the data set is unknown, or no folder is given.
    """
    if name == MAP:
        return list(survey_images(_folder("the imagery", root)).findings)
    known = data_set(name)
    return known.check(_folder(known.title, root))


def data_set(name: str) -> DataSet:
    """Return a data set by name.

    Raises:
        ParameterError: the name is unknown.
    """
    if name not in DATA_SETS:
        raise ParameterError(f"there is no published data set '{name}'; use one of {', '.join(DATA_SETS)}.")
    return DATA_SETS[name]


def benchmark_sizes(benchmark: Benchmark) -> dict[str, Size]:
    """Return the numbers of images and places of each part of the training split and of each test."""
    parts = {
        "training, queries": benchmark.training.queries,
        "training, references": benchmark.training.references,
    }
    for task in benchmark.tests:
        parts[f"{task.name}, queries"] = task.queries
        parts[f"{task.name}, gallery"] = task.gallery
    return {part: (len(items), len({item.id for item in items})) for part, items in parts.items()}


def _folder(title: str, root: Path | str) -> Path:
    if not str(root):
        raise ParameterError(f"the folder of {title} is not given; add data.root=DIR.")
    return Path(root).expanduser()


def _training(queries: Size, references: Size) -> dict[str, Size]:
    return {"training, queries": queries, "training, references": references}


def _test(name: str, queries: Size, gallery: Size) -> dict[str, Size]:
    return {f"{name}, queries": queries, f"{name}, gallery": gallery}


def _sues200(*heights_m: int) -> DataSet:
    published = _training((6000 * len(heights_m), 120), (120, 120))
    for height in heights_m:
        published |= _test(f"drone→satellite, {height} m", (4000, 80), (200, 200))
        published |= _test(f"satellite→drone, {height} m", (80, 80), (10000, 200))
    title = "SUES-200" + (f", {heights_m[0]} m only" if len(heights_m) == 1 else "")
    return DataSet(title, _ABOVE, sues200, {"heights_m": heights_m}, published)


_ABOVE = ("drone", "satellite")
_GROUND = ("ground", "satellite")
_HEIGHTS_M = (150, 200, 250, 300)
_GTA_TILES = {"drone→satellite, gallery": (14640, 14640)}
_PAIRS = _training((35532, 35532), (35532, 35532)) | _test("ground→satellite", (8884, 8884), (8884, 8884))

DATA_SETS: dict[str, DataSet] = {
    "u1652": DataSet(
        "University-1652",
        _ABOVE,
        university,
        published=_training((37854, 701), (701, 701))
        | _test("drone→satellite", (37855, 701), (951, 951))
        | _test("satellite→drone", (701, 701), (51355, 951)),
    ),
    "sues200": _sues200(*_HEIGHTS_M),
    **{f"sues200_{height}": _sues200(height) for height in _HEIGHTS_M},
    "denseuav": DataSet(
        "DenseUAV",
        _ABOVE,
        denseuav,
        published=_training((6768, 2256), (13536, 2256))
        | _test("drone→satellite", (2331, 777), (18198, 3033))
        | _test("satellite→drone", (4662, 777), (9099, 3033)),
    ),
    "gta_uav": DataSet("GTA-UAV, cross area", _ABOVE, gta_uav, {"area": "cross"}, _GTA_TILES),
    "gta_uav_same": DataSet("GTA-UAV, same area", _ABOVE, gta_uav, {"area": "same"}, _GTA_TILES),
    "cvusa": DataSet("CVUSA", _GROUND, cvusa, published=_PAIRS),
    "cvact": DataSet(
        "CVACT",
        _GROUND,
        cvact,
        published=_PAIRS | _test("ground→satellite, test set", (92802, 92802), (92802, 92802)),
    ),
    "vigor": DataSet(
        "VIGOR, same area",
        _GROUND,
        vigor,
        {"area": "same"},
        {"ground→satellite, same area, gallery": (90618, 90618)},
    ),
    "vigor_cross": DataSet("VIGOR, cross area", _GROUND, vigor, {"area": "cross"}),
}
