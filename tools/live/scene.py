# SPDX-License-Identifier: Apache-2.0
"""The scene of a simulated live flight: map, model and the camera's pictures, made once and kept.

The map shows a procedural world in summer, the camera sees it at a later date, as in `geoloc demo`.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from loop import NARROW, Loop, loop_for
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from geoloc.camera.lens import Intrinsics
from geoloc.encoder import load_encoder
from geoloc.errors import ParameterError
from geoloc.geodesy import LocalFrame
from geoloc.installed import find_model
from geoloc.mapping.builder import build_map
from geoloc.mapping.manifest import Imagery
from geoloc.mapping.recipe import BuildOptions
from geoloc.progress import progress_bar
from geoloc.raster.views import open_raster
from geoloc_lab.demo import OVERLAP, VIEW_SIZE_M
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
from geoloc_lab.flight_simulator.trajectory import Trajectory
from geoloc_lab.world.world import write_world

FOLDER = Path("runs/live")
_SEED, _SIZE_M = 7, 1024.0
_RENDERED = ((640, 480), (1280, 720))
"""Sizes that are rendered; larger ones are enlarged with fresh noise, as the world has no finer detail."""
_JPEG_QUALITY = 90
_GRAIN = 2.5  # standard deviation of the noise of an enlarged picture, levels of 255


@dataclass(frozen=True)
class Scene:
    """A folder with `map`, the two dates of the world, and the pictures of each loop and size.

    Attributes:
        folder: the folder.
        narrow: whether every camera flies the narrow loop, which needs few pictures.
    """

    folder: Path = FOLDER
    narrow: bool = False

    @property
    def map(self) -> Path:
        """The map directory."""
        return self.folder / "map"

    def loop(self, width: int) -> Loop:
        """Return the loop of a camera with pictures of this width."""
        return NARROW if self.narrow else loop_for(width)

    def prepare(self, sizes: tuple[tuple[int, int], ...]) -> None:
        """Make what is missing for cameras of these sizes; takes minutes the first time.

        Raises:
            ParameterError: for a size that is neither 4:3 nor 16:9.
        """
        world = self.folder / "world"
        dates = [world / f"date{date}.tif" for date in (0, 1)]
        if not all(date.is_file() for date in dates):
            print("rendering the world at two dates", flush=True)
            write_world(world, _SEED, _SIZE_M)
        if not (self.map / "map.yaml").is_file():
            print("building the map", flush=True)
            options = BuildOptions(
                view_size_m=VIEW_SIZE_M,
                overlap=OVERLAP,
                imagery=Imagery(source=f"procedural world {_SEED}"),
            )
            build_map(dates[0], load_encoder(find_model()), self.map, options, overwrite=True)
        for size in sizes:
            self._render(dates[1], self.loop(size[0]), rendered_size(size))

    def frame(self) -> LocalFrame:
        """Return the local frame whose origin the loops surround."""
        with open_raster(self.folder / "world/date1.tif") as ground:
            return ground.frame

    def picture(self, size: tuple[int, int], pose: int, encoding: str) -> bytes:
        """Return the bytes of the message of a pose.

        Args:
            size: width and height, pixels.
            pose: number of the pose on the camera's loop.
            encoding: `rgb8`, `bgr8` or `jpeg`.

        Raises:
            ParameterError: if the picture is damaged.
        """
        file = self._pictures(self.loop(size[0]), rendered_size(size)) / f"{pose:03d}.jpg"
        if encoding == "jpeg" and size == rendered_size(size):
            return file.read_bytes()
        picture = cv2.imread(str(file))
        if picture is None:
            raise ParameterError(f"{file} cannot be read; delete its folder and start again.")
        return packed(enlarged(picture, size, pose), encoding)

    def _pictures(self, loop: Loop, size: tuple[int, int]) -> Path:
        return self.folder / f"pictures-{size[0]}x{size[1]}-{loop.poses}"

    def _render(self, ground_file: Path, loop: Loop, size: tuple[int, int]) -> None:
        folder = self._pictures(loop, size)
        if len(list(folder.glob("*.jpg"))) == loop.poses:
            return
        folder.mkdir(parents=True, exist_ok=True)
        with open_raster(ground_file) as ground:
            camera = AerialCamera(default_intrinsics(*size))
            shots = camera.frames(ground, trajectory(loop), _SEED)
            for pose, rgb in progress_bar(
                shots, label=f"pictures {size[0]} x {size[1]}", total=loop.poses, unit="picture"
            ):
                (folder / f"{pose:03d}.jpg").write_bytes(packed(rgb[..., ::-1], "jpeg"))


def rendered_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the rendered size from which pictures of a size are made.

    Raises:
        ParameterError: for a size that is neither 4:3 nor 16:9.
    """
    for width, height in _RENDERED:
        if size[0] * height == size[1] * width:
            return width, height
    raise ParameterError(f"a picture of {size[0]} x {size[1]} is neither 4:3 nor 16:9; choose such a size.")


def enlarged(picture: NDArray[np.uint8], size: tuple[int, int], seed: int) -> NDArray[np.uint8]:
    """Return a picture in another size; an enlarged one gets noise, as the pixels of a sensor have."""
    if picture.shape[1::-1] == size:
        return picture
    larger = cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(seed).normal(0.0, _GRAIN, (256, 256, 3))
    tiles = (math.ceil(size[1] / 256), math.ceil(size[0] / 256), 1)
    noise = np.tile(grain, tiles)[: size[1], : size[0]].astype(np.int16)
    return np.asarray(cv2.add(larger, noise, dtype=cv2.CV_8U), dtype=np.uint8)


def packed(picture_bgr: NDArray[np.uint8], encoding: str) -> bytes:
    """Return the bytes of a message: `rgb8`, `bgr8` or `jpeg`."""
    if encoding == "jpeg":
        return cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return np.ascontiguousarray(picture_bgr[..., ::-1] if encoding == "rgb8" else picture_bgr).tobytes()


def lens(size: tuple[int, int]) -> Intrinsics:
    """Return the calibration of a camera of this size."""
    return default_intrinsics(*size)


def trajectory(loop: Loop) -> Trajectory:
    """Return the flight along all poses of a loop, one tick for each."""
    turns = [pose / loop.poses for pose in range(loop.poses)]
    ticks = np.arange(loop.poses)
    return Trajectory(
        stamp_ns=np.round(ticks * (loop.period_ns / loop.poses)).astype(np.int64),
        position_m=np.array([(*loop.place(turn), loop.height_m) for turn in turns]),
        world_from_body=Rotation.from_euler("ZYX", np.tile([loop.yaw_rad, 0.0, 0.0], (loop.poses, 1))),
        frame_ticks=ticks,
        aux_ticks=ticks,
    )


ALL_SIZES = ((1280, 720), (3840, 2160))
