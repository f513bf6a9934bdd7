# SPDX-License-Identifier: Apache-2.0
"""Writers of the layouts of the drone data sets."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc_training.arrays import Image
from geoloc_training.datasets.generate.scenes import Scene
from geoloc_training.datasets.generate.writing import Cast, write_picture, write_text
from geoloc_training.datasets.published.sues200 import HEIGHTS_M, training_places

_SUES_PLACES = 200
_DENSE_HEIGHTS_M = (100, 90, 80)


def write_university(out: Path, cast: Cast) -> None:
    """Write University-1652: for each place a folder with a satellite image, and one with drone images."""
    for number, scene in cast.scenes(cast.training):
        _university_place(out / "train", f"{number:04d}", scene, ("satellite",), ("drone",))
    first = len(cast.training) + 1
    for number, scene in cast.scenes(cast.tests, first):
        satellites, drones = ("query_satellite", "gallery_satellite"), ("query_drone", "gallery_drone")
        _university_place(out / "test", f"{number:04d}", scene, satellites, drones)
    for number, scene in cast.scenes(cast.distractors, first + len(cast.tests)):
        _university_place(out / "test", f"{number:04d}", scene, ("gallery_satellite",), ("gallery_drone",))


def _university_place(
    out: Path, name: str, scene: Scene, satellites: tuple[str, ...], drones: tuple[str, ...]
) -> None:
    for folder in satellites:
        write_picture(out / folder / name / f"{name}.jpg", scene.satellite())
    for view in range(scene.camera.drone_views):
        image = scene.drone(view)
        for folder in drones:
            write_picture(out / folder / name / f"image-{view + 1:02d}.jpeg", image)


def write_denseuav(out: Path, cast: Cast) -> None:
    """Write DenseUAV: three heights, a new and an old tile each; the gallery includes the training places.

    The old tile shows the first of the drone dates, and the drone images the others. If there is only one
    drone date, the old tile shows the date of the map.
    """
    tables: dict[str, list[str]] = {"train": [], "test": []}
    for number, scene in cast.scenes((*cast.training, *cast.tests, *cast.distractors)):
        name = f"{number:06d}"
        learn, test = number <= len(cast.training), number > len(cast.training)
        looked_up = test and number <= len(cast.training) + len(cast.tests)
        folders = ["train/{}"] * learn + ["test/query_{}"] * looked_up + ["test/gallery_{}"]
        _denseuav_place(out, name, scene, folders)
        where = scene.place.location
        position = f"E{where.longitude_deg:.8f} N{where.latitude_deg:.8f}"
        for folder in folders:
            for height in _DENSE_HEIGHTS_M:
                for file in (f"drone/{name}/H{height}.JPG", f"satellite/{name}/H{height}.tif"):
                    view, rest = file.split("/", 1)
                    line = f"{folder.format(view)}/{rest} {position} {height:.3f}"
                    tables[folder.split("/")[0]].append(line)
    tables["ALL"] = tables["train"] + tables["test"]
    for part, lines in tables.items():
        write_text(out / f"Dense_GPS_{part}.txt", "\n".join(lines) + "\n")


def _denseuav_place(out: Path, name: str, scene: Scene, folders: list[str]) -> None:
    place, old = scene.place, scene.place.map_date
    if len(place.drone_dates) > 1:
        old = place.drone_dates[0]
        scene = replace(scene, place=replace(place, drone_dates=place.drone_dates[1:]))
    for view, height in enumerate(_DENSE_HEIGHTS_M):
        zoom = height / _DENSE_HEIGHTS_M[0]
        size_m = scene.camera.view_m * zoom
        pictures = {
            f"drone/{name}/H{height}.JPG": scene.drone(view, zoom),
            f"satellite/{name}/H{height}.tif": scene.satellite(size_m=size_m),
            f"satellite/{name}/H{height}_old.tif": scene.satellite(size_m=size_m, date=old),
        }
        for file, image in pictures.items():
            view_name, rest = file.split("/", 1)
            for folder in folders:
                write_picture(out / folder.format(view_name) / rest, image)


def write_sues200(out: Path, cast: Cast) -> None:
    """Write SUES-200 in its split layout; training places are the distractors, and others are left out."""
    for name, learn, scene in _sues_scenes(cast):
        split = "Training/{}/" if learn else "Testing/{}/query_"
        for height in HEIGHTS_M:
            views = _sues_views(scene, height)
            for part in (split, "Testing/{}/gallery_"):
                folder, start = part.format(height).rsplit("/", 1)
                write_picture(out / folder / f"{start}satellite" / name / "0.png", scene.satellite())
                for view, image in enumerate(views):
                    write_picture(out / folder / f"{start}drone" / name / f"{view}.jpg", image)


def write_sues200_raw(out: Path, cast: Cast) -> None:
    """Write SUES-200 in its published layout, with all places and heights and without a split."""
    for name, _, scene in _sues_scenes(cast):
        write_picture(out / "satellite-view" / name / "0.png", scene.satellite())
        for height in HEIGHTS_M:
            for view, image in enumerate(_sues_views(scene, height)):
                write_picture(out / "drone_view_512" / name / str(height) / f"{view}.jpg", image)


def _sues_views(scene: Scene, height_m: int) -> list[Image]:
    """Return the drone views of a height; those of the largest height show as much ground as the map."""
    return [scene.drone(view, height_m / HEIGHTS_M[-1]) for view in range(scene.camera.drone_views)]


def _sues_scenes(cast: Cast) -> Iterator[tuple[str, bool, Scene]]:
    """Yield the name in the published split, whether it is a training place, and the scene, of each place."""
    learnt = sorted(training_places())
    tested = sorted({f"{number:04d}" for number in range(1, _SUES_PLACES + 1)} - set(learnt))
    for places, names in ((cast.training, learnt), (cast.tests, tested)):
        if len(places) > len(names):
            raise ParameterError(
                f"SUES-200 has {len(learnt)} training and {len(tested)} test places, fewer than the "
                f"requested {len(cast.training)} and {len(cast.tests)}; ask for fewer places."
            )
        for number, scene in cast.scenes(places, 0):
            yield names[number], names is learnt, scene
