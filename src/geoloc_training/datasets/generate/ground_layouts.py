# SPDX-License-Identifier: Apache-2.0
"""Writers of the layouts with ground panoramas as queries; the panoramas are synthetic (see `scenes`)."""

import io
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.io import savemat

from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame
from geoloc_training.datasets.generate.places import Place
from geoloc_training.datasets.generate.scenes import Scene
from geoloc_training.datasets.generate.writing import Cast, write_bytes, write_picture, write_text
from geoloc_training.items import GeoLocation

_CANBERRA_EAST_M, _CANBERRA_NORTH_M = 690_000.0, 6_090_000.0
_VIGOR_TILE = 0.75  # share of `view_m`, so that four tiles, half a tile apart, fit on a place
_VIGOR_CITIES = (("NewYork", "Seattle"), ("Chicago", "SanFrancisco"))  # training, test


def write_cvusa(out: Path, cast: Cast) -> None:
    """Write CVUSA: numbered pairs, listed in two splits; distractors are left out."""
    places = (*cast.training, *cast.tests)
    rows = []
    for number, scene in cast.scenes(places):
        side = scene.camera.size_px
        name = f"{number:07d}"
        row = (
            f"bingmap/19/{name}.jpg",
            f"streetview/panos/{name}.jpg",
            f"streetview/annotations/{name}.png",
        )
        write_picture(out / row[0], scene.satellite())
        write_picture(out / row[1], scene.panorama(2 * side, round(2 * side * 224 / 1232)))
        rows.append(",".join(row))
    learn = len(cast.training)
    write_text(out / "splits" / "train-19zl.csv", "\n".join(rows[:learn]) + "\n")
    write_text(out / "splits" / "val-19zl.csv", "\n".join(rows[learn:]) + "\n")
    where = [(p.location.latitude_deg, p.location.longitude_deg) for p in places]
    lines = [f"{lat:.8f},{lon:.8f},{lat:.8f},{lon:.8f},0" for lat, lon in where]
    write_text(out / "split_locations" / "all.csv", "\n".join(lines) + "\n")


def write_cvact(out: Path, cast: Cast) -> None:
    """Write CVACT: pairs by panorama id, with splits and synthetic UTM positions in `ACT_data.mat`."""
    names = []
    for number, scene in cast.scenes((*cast.training, *cast.tests, *cast.distractors)):
        side, name = scene.camera.size_px, f"pano_{number:017d}"
        satellite, panorama = scene.satellite(), scene.panorama(2 * side, side)
        learn, test = number <= len(cast.training), number > len(cast.training) + len(cast.tests)
        for folder in [] if test else ["ANU_data_small"]:
            _cvact_pair(out / folder, name, satellite, panorama)
        for folder in [] if learn else ["ANU_data_test"]:
            _cvact_pair(out / folder, name, satellite, panorama)
        names.append(name)
    _write_mat(out / "ACT_data.mat", names, len(cast.training), len(cast.tests))


def _cvact_pair(out: Path, name: str, satellite: np.ndarray, panorama: np.ndarray) -> None:
    write_picture(out / "satview_polish" / f"{name}_satView_polish.jpg", satellite)
    write_picture(out / "streetview" / f"{name}_grdView.jpg", panorama)


def _write_mat(path: Path, names: list[str], learn: int, tests: int) -> None:
    numbers = np.arange(1, len(names) + 1)[:, None]  # MATLAB counts from 1
    steps = 100.0 * numbers
    table = {
        "panoIds": np.array(names),
        "utm": np.hstack([_CANBERRA_EAST_M + steps, np.full_like(steps, _CANBERRA_NORTH_M)]),
        "trainSet": {"trainNum": learn, "trainInd": numbers[:learn]},
        "valSet": {"valNum": tests, "valInd": numbers[learn : learn + tests]},
        "valSetAll": {"valNum": len(names) - learn, "valInd": numbers[learn:]},
    }
    coded = io.BytesIO()
    savemat(coded, table)
    # SciPy writes the time into the header, but the same seed must give the same bytes.
    header = b"MATLAB 5.0 MAT-file".ljust(116)
    write_bytes(path, header + coded.getvalue()[len(header) :])


def write_vigor(out: Path, cast: Cast) -> None:
    """Write VIGOR: four overlapping tiles and two panoramas of each place, in training and test cities.

    The first panorama of a place belongs to the same-area training split, the second to the same-area test.
    """
    if min(len(cast.training), len(cast.tests)) < 2:
        raise ParameterError(
            f"VIGOR has two training and two test cities, so {len(cast.training)} training and "
            f"{len(cast.tests)} test places are too few; ask for more places."
        )
    for number, city in enumerate(_VIGOR_CITIES[0]):
        _vigor_city(out, city, cast, cast.training[number::2], ())
    for number, city in enumerate(_VIGOR_CITIES[1]):
        _vigor_city(out, city, cast, cast.tests[number::2], cast.distractors[number::2])


def _vigor_city(
    out: Path, city: str, cast: Cast, places: Iterable[Place], distractors: Iterable[Place]
) -> None:
    tiles: list[str] = []
    first: list[str] = []
    second: list[str] = []
    for _, scene in cast.scenes(places):
        names = _vigor_tiles(out / city / "satellite", scene)
        tiles += names
        for number, labels in enumerate((first, second)):
            labels.append(_vigor_panorama(out / city / "panorama", scene, number, names))
    for _, scene in cast.scenes(distractors):
        tiles += _vigor_tiles(out / city / "satellite", scene)
    splits = out / "splits" / city
    write_text(splits / "satellite_list.txt", "\n".join(tiles) + "\n")
    write_text(splits / "same_area_balanced_train.txt", "\n".join(first) + "\n")
    write_text(splits / "same_area_balanced_test.txt", "\n".join(second) + "\n")
    write_text(splits / "pano_label_balanced.txt", "\n".join(first + second) + "\n")


def _vigor_offsets(scene: Scene) -> list[tuple[float, float]]:
    """Return the offsets of a place's tiles in metres east and south: positive tile, then semi-positives."""
    half_m = scene.camera.view_m * _VIGOR_TILE / 2
    return [(0.0, 0.0), (half_m, 0.0), (0.0, half_m), (half_m, half_m)]


def _vigor_tiles(out: Path, scene: Scene) -> list[str]:
    names = []
    for east_m, south_m in _vigor_offsets(scene):
        where = _moved(scene.place.location, east_m, south_m)
        names.append(f"satellite_{where.latitude_deg:.8f}_{where.longitude_deg:.8f}.png")
        size_m = scene.camera.view_m * _VIGOR_TILE
        write_picture(out / names[-1], scene.satellite(east_m, south_m, size_m))
    return names


def _vigor_panorama(out: Path, scene: Scene, number: int, tiles: list[str]) -> str:
    """Write a panorama near the centre of the first tile, and return its label line.

    The two numbers after each tile are the offset of the panorama from the centre of the tile, south and
    east, in pixels of the tile.
    """
    side, tile_m = scene.camera.size_px, scene.camera.view_m * _VIGOR_TILE
    east_m, south_m = (0.05 + 0.05 * number) * tile_m, 0.08 * tile_m
    where = _moved(scene.place.location, east_m, south_m)
    name = f"{scene.place.name}-{number},{where.latitude_deg:.8f},{where.longitude_deg:.8f},.jpg"
    write_picture(out / name, scene.panorama(2 * side, side, number, east_m, south_m))
    pixel_m = tile_m / side
    label = [name]
    for tile, (tile_east_m, tile_south_m) in zip(tiles, _vigor_offsets(scene), strict=True):
        label += [
            tile,
            f"{(south_m - tile_south_m) / pixel_m:.2f}",
            f"{(east_m - tile_east_m) / pixel_m:.2f}",
        ]
    return " ".join(label)


def _moved(location: GeoLocation, east_m: float, south_m: float) -> GeoLocation:
    latitude, longitude = _frame(location).to_geodetic(east_m, -south_m)
    return GeoLocation(float(latitude), float(longitude))


@lru_cache  # a local frame is slow to create, and a place has many tiles
def _frame(location: GeoLocation) -> LocalFrame:
    return LocalFrame(location.latitude_deg, location.longitude_deg)
