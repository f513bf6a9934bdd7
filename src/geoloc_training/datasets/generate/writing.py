# SPDX-License-Identifier: Apache-2.0
"""Input of the layouts' writers, and functions that write files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2

from geoloc.errors import RasterError
from geoloc.progress import progress_bar
from geoloc_training.arrays import Image
from geoloc_training.datasets.generate.places import Place
from geoloc_training.datasets.generate.scenes import Camera, Scene


@dataclass(frozen=True)
class Cast:
    """Places of a generated data set by part, and the camera.

    Attributes:
        training: training places.
        tests: places of the queries.
        distractors: places that appear in the galleries only.
        camera: settings of the images.
    """

    training: tuple[Place, ...]
    tests: tuple[Place, ...]
    distractors: tuple[Place, ...]
    camera: Camera

    def scenes(self, places: Iterable[Place], first: int = 1) -> Iterator[tuple[int, Scene]]:
        """Yield the scenes of places, numbered from `first`, with a progress bar."""
        bar = progress_bar(list(places), label="make", unit="place")
        for number, place in enumerate(bar, first):
            yield number, Scene(place, self.camera)


def write_picture(path: Path, image: Image) -> None:
    """Write an RGB image, uint8 (H, W, 3), in the format given by the suffix; create the folder.

    Raises:
        RasterError: the file cannot be written.
    """
    ok, coded = cv2.imencode(path.suffix.lower(), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise RasterError(f"{path} cannot be encoded as an image; choose another format.")
    write_bytes(path, coded.tobytes())


def write_text(path: Path, text: str) -> None:
    """Write a text file and create its folder; raises as `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file and create its folder.

    Raises:
        RasterError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RasterError(f"{path} cannot be written ({error}); check free space and permissions.") from error
