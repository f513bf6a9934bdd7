# SPDX-License-Identifier: Apache-2.0
"""Writers of the drone data sets' layouts."""

from pathlib import Path

from geoloc_training.datasets.generate.scenes import Scene
from geoloc_training.datasets.generate.writing import Cast, write_picture


def write_university(out: Path, cast: Cast) -> None:
    """University-1652: a folder a place, one satellite picture, `image-01.jpeg` and on from the drone."""
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
