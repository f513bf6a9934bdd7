# SPDX-License-Identifier: Apache-2.0
"""CVACT: panoramas of Canberra, each with a satellite image (Liu and Li 2019).

    ACT_data.mat                 panoIds, utm, and 1-based indices trainSet.trainInd, valSet.valInd
    ANU_data_small/streetview/<panoId>_grdView.jpg, satview_polish/<panoId>_satView_polish.jpg
    ANU_data_test/…              the same layout, optional: the 92,802 pairs of the test set

`streetview/` and `satview_polish/` may also lie directly under the root, as in UCVGL. Positions are UTM
metres as given in the data set.

A few of the published images are missing. Like the published loaders, this one leaves such pairs out, and
logs a warning.
"""

import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from scipy.spatial import cKDTree

from geoloc.errors import ParameterError, clause
from geoloc_training.datasets.probe import named, unreadable
from geoloc_training.datasets.published.ground_pairs import Pair, task_of, training_of
from geoloc_training.datasets.published.listed import Folders, missing, twice
from geoloc_training.datasets.published.tree import refuse, wrong_root
from geoloc_training.items import Benchmark, PlaneLocation, Task

_log = logging.getLogger(__name__)

_TABLE, _TEST_FOLDER = "ACT_data.mat", "ANU_data_test"
_GROUND_FOLDER, _SATELLITE_FOLDER = "streetview", "satview_polish"
_GROUND, _SATELLITE = "_grdView.jpg", "_satView_polish.jpg"
# Errors of SciPy's reader for a file of another format, a truncated file, or a file without the fields.
_DAMAGED = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    IndexError,
    NotImplementedError,
    MatReadError,
    zlib.error,
)


@dataclass(frozen=True)
class _Table:
    """Content of `ACT_data.mat`: positions by panorama id, and the panorama ids of both splits."""

    positions: dict[str, PlaneLocation]
    training: list[str]
    validation: list[str]


def load(root: Path, test_radius_m: float | None = None) -> Benchmark:
    """Load the published split: 35,532 training pairs, 8,884 test pairs, and 92,802 of the optional test set.

    Args:
        root: folder with `ACT_data.mat`.
        test_radius_m: adds a test in which every satellite image within this distance of the panorama is
            correct, 5 m in the authors' paper. Not verified against their code.

    Raises:
        ParameterError: a file or folder is missing or malformed; a few missing images only log a warning.
    """
    found: list[str] = []
    table, folder = _read_table(root, found), _pictures_folder(root, found)
    refuse(found)
    training = _present(folder, table.training, table)
    tests = [task_of("ground→satellite", _present(folder, table.validation, table))]
    tested = _test_pairs(root, table)
    if tested:
        tests.append(task_of("ground→satellite, test set", tested))
        if test_radius_m is not None:
            tests.append(_within(tests[-1], test_radius_m))
    return Benchmark("cvact", training_of(training), tuple(tests))


def check(root: Path) -> list[str]:
    """Return a sentence for each missing or malformed file or folder."""
    found: list[str] = []
    table, folder = _read_table(root, found), _pictures_folder(root, found)
    if found:
        return found
    folders = Folders()
    pairs = [_pair(folder, name, table) for name in table.training + table.validation]
    found += missing(
        root / _TABLE, (path for pair in pairs for path in (pair.ground, pair.satellite)), folders
    )
    found += _half_pairs(root / _TEST_FOLDER)
    pairs += _test_pairs(root, table)
    pictures = (path for pair in pairs for path in (pair.ground, pair.satellite))
    return found + unreadable(path for path in pictures if folders.hold(path))


def _read_table(root: Path, found: list[str]) -> _Table:
    wrong = wrong_root(root, (_TABLE,), "CVACT")
    if wrong:
        found.append(wrong)
        return _Table({}, [], [])
    path = root / _TABLE
    try:
        content: dict[str, Any] = loadmat(path)
        names = [str(name).strip() for name in np.ravel(content["panoIds"])]
        utm = np.asarray(content["utm"], np.float64).reshape(len(names), -1)[:, :2]
        positions = {name: PlaneLocation(float(e), float(n)) for name, (e, n) in zip(names, utm, strict=True)}
        training = _members(names, content["trainSet"]["trainInd"])
        validation = _members(names, content["valSet"]["valInd"])
    except _DAMAGED as error:
        found.append(
            f"{path} is not CVACT's table ({type(error).__name__}: {clause(error)}); fetch it again."
        )
        return _Table({}, [], [])
    found += twice(path, "a panorama", names)
    shared = sorted(set(training) & set(validation))
    if shared:
        found.append(f"{path} has panoramas in both training and test: {named(shared)}; fetch it again.")
    return _Table(positions, training, validation)


def _members(names: list[str], indices: NDArray[Any]) -> list[str]:
    """Return the names at MATLAB's indices, which count from 1 and lie in a cell of a struct."""
    flat = np.ravel(np.ravel(indices)[0]).astype(np.int64)
    if len(flat) == 0 or flat.min() < 1 or flat.max() > len(names):
        raise ValueError(f"the indices of a split must lie between 1 and {len(names)}")
    return [names[i - 1] for i in flat]


def _pictures_folder(root: Path, found: list[str]) -> Path:
    for folder in (root / "ANU_data_small", root):
        if (folder / _GROUND_FOLDER).is_dir() and (folder / _SATELLITE_FOLDER).is_dir():
            return folder
    if not found:
        found.append(
            f"{root} lacks {_GROUND_FOLDER}/ and {_SATELLITE_FOLDER}/, neither in ANU_data_small/ nor beside "
            f"{_TABLE}; complete the download."
        )
    return root


def _pair(folder: Path, name: str, table: _Table) -> Pair:
    where = table.positions.get(name)
    ground = folder / _GROUND_FOLDER / (name + _GROUND)
    return Pair(name, ground, folder / _SATELLITE_FOLDER / (name + _SATELLITE), where, where)


def _present(folder: Path, names: Sequence[str], table: _Table) -> list[Pair]:
    folders = Folders()
    pairs, absent = [], []
    for pair in (_pair(folder, name, table) for name in names):
        if folders.hold(pair.ground) and folders.hold(pair.satellite):
            pairs.append(pair)
        else:
            absent.append(pair.id)
    if not pairs:
        raise ParameterError(f"{folder} has none of the images of {named(absent)}; complete the download.")
    if absent:
        _log.warning("%s: %d pairs lack an image and are left out: %s.", folder, len(absent), named(absent))
    return pairs


def _test_names(folder: Path) -> tuple[set[str], set[str]]:
    """Return the ids of the panoramas and of the satellite images of the test set."""
    grounds = {path.name.removesuffix(_GROUND) for path in (folder / _GROUND_FOLDER).glob("*" + _GROUND)}
    satellites = (folder / _SATELLITE_FOLDER).glob("*" + _SATELLITE)
    return grounds, {path.name.removesuffix(_SATELLITE) for path in satellites}


def _test_pairs(root: Path, table: _Table) -> list[Pair]:
    """Return the complete pairs of the test set, sorted by name."""
    folder = root / _TEST_FOLDER
    grounds, satellites = _test_names(folder)
    return [_pair(folder, name, table) for name in sorted(grounds & satellites)]


def _half_pairs(folder: Path) -> list[str]:
    grounds, satellites = _test_names(folder)
    halves = sorted(grounds ^ satellites)
    if not halves:
        return []
    return [
        f"{folder} has one of two images of {len(halves)} places: {named(halves)}; complete the download."
    ]


def _within(task: Task, radius_m: float) -> Task:
    points = []
    for item in task.queries:
        if not isinstance(item.location, PlaneLocation):
            raise ParameterError(
                f"{_TABLE} has no position of {item.id} of the test set; leave test_radius_m out."
            )
        points.append((item.location.x_m, item.location.y_m))
    near = cKDTree(points).query_ball_point(points, radius_m, return_sorted=True)
    name = f"{task.name}, within {radius_m:g} m (unverified)"
    return Task(name, task.queries, task.gallery, ("recall",), tuple(tuple(right) for right in near))
