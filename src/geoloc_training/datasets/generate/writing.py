# SPDX-License-Identifier: Apache-2.0
"""What every layout's writer is given, and how it puts pictures on disk."""

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
    """Which place plays what part.

    Attributes:
        training: places to learn from.
        tests: places that are looked up.
        distractors: places that only stand in the galleries.
        camera: how they are photographed.
    """

    training: tuple[Place, ...]
    tests: tuple[Place, ...]
    distractors: tuple[Place, ...]
    camera: Camera

    def scenes(self, places: Iterable[Place], first: int = 1) -> Iterator[tuple[int, Scene]]:
        """Yield places set before the camera, numbered from `first` on, with a progress bar."""
        bar = progress_bar(list(places), label="make", unit="place")
        for number, place in enumerate(bar, first):
            yield number, Scene(place, self.camera)


def write_picture(path: Path, image: Image) -> None:
    """Write RGB uint8 (H, W, 3) in the format of the file's name, making its folder.

    Raises:
        RasterError: where it cannot be written.
    """
    ok, coded = cv2.imencode(path.suffix.lower(), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not ok:
        raise RasterError(f"{path} cannot be coded as a picture; choose another format.")
    write_bytes(path, coded.tobytes())


def write_text(path: Path, text: str) -> None:
    """Write a table or a list, making its folder; errors as in `write_bytes`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, making its folder.

    Raises:
        RasterError: where it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise RasterError(
            f"{path} cannot be written ({error}); is there space, and may you write there?"
        ) from error
