# SPDX-License-Identifier: Apache-2.0
"""Images of a place for a generated data set: satellite image, drone views, ground panorama.

The panorama is synthetic: an overhead image unrolled about its centre (the inverse of the polar transform of
Shi et al. 2019), below a plain sky. It has the geometry of a street panorama, but shows no facades.
"""

import zlib
from dataclasses import dataclass, replace

import cv2
import numpy as np

from geoloc.errors import ParameterError
from geoloc_training import augment
from geoloc_training.arrays import Image
from geoloc_training.datasets.generate.places import Place
from geoloc_training.datasets.imagery.ground import Look, render

_SKY_SHARE = 0.4  # share of a panorama's height
_AIM, _DRONE, _PANORAMA = 1, 2, 3  # streams of random numbers


@dataclass(frozen=True)
class Camera:
    """Settings of the images of a generated data set.

    Attributes:
        size_px: side of satellite and drone images.
        view_m: width of a satellite image on the ground.
        drone_views: number of drone views of each place.
        yaw_deg: largest heading error of a drone view, in both directions.
        offset_m: largest offset of a drone view from the centre, east and south each.
        scale: largest relative change of a drone view's width on the ground.
        appearance: strength of the synthetic changes of light, season and optics in drone views, 0..1; 0
            keeps the imagery unchanged.
        seed: random seed.

    Raises:
        ParameterError: a value is outside its range.
    """

    size_px: int = 128
    view_m: float = 90.0
    drone_views: int = 4
    yaw_deg: float = 10.0
    offset_m: float = 12.0
    scale: float = 0.12
    appearance: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "size_px": (16, 4096),
            "view_m": (10.0, 10_000.0),
            "drone_views": (1, 1000),
            "yaw_deg": (0.0, 180.0),
            "offset_m": (0.0, 1000.0),
            "scale": (0.0, 0.5),
            "appearance": (0.0, 1.0),
            "seed": (0, 2**31),
        }
        for name, (low, high) in limits.items():
            if not low <= getattr(self, name) <= high:
                raise ParameterError(
                    f"{name} is {getattr(self, name)}; choose a value between {low:g} and {high:g}."
                )

    @property
    def reach_m(self) -> float:
        """Return the width of the square that holds every drone view."""
        swing = np.deg2rad(min(self.yaw_deg, 45.0))
        turned = self.view_m * (1 + self.scale) * (np.cos(swing) + np.sin(swing))
        return float(turned + 2 * self.offset_m)


@dataclass(frozen=True)
class Scene:
    """A place and a camera; the images depend on these only, not on the order of the calls."""

    place: Place
    camera: Camera

    def __post_init__(self) -> None:
        self._refuse_beyond(self.camera.reach_m)

    def satellite(
        self, east_m: float = 0.0, south_m: float = 0.0, size_m: float | None = None, date: str | None = None
    ) -> Image:
        """Return a satellite image, uint8 RGB (S, S, 3), north up.

        Args:
            east_m: offset of the image from the centre of the place, east.
            south_m: offset of the image from the centre of the place, south.
            size_m: width of the image on the ground; None for `view_m` of the camera.
            date: date of the image; None for the map date.
        """
        look = self._look(east_m, south_m, size_m or self.camera.view_m)
        return render(self.place.ground, date or self.place.map_date, look, self.camera.size_px)[0]

    def aim(self, number: int, zoom: float = 1.0) -> Look:
        """Return position and shape of a drone view, in metres from the centre of the place.

        Args:
            number: number of the view, 0 or more.
            zoom: factor on the width of the view, 0..1, the effect of the flying height.
        """
        rng = self._rng(_AIM, number)
        offset_m = rng.uniform(-1, 1, 2) * self.camera.offset_m
        size_m = self.camera.view_m * zoom * (1 + rng.uniform(-1, 1) * self.camera.scale)
        heading_rad = np.deg2rad(rng.uniform(-1, 1) * self.camera.yaw_deg)
        return Look(float(offset_m[0]), float(offset_m[1]), float(size_m), float(heading_rad))

    def drone(self, number: int, zoom: float = 1.0) -> Image:
        """Return the drone view of an `aim`, uint8 RGB (S, S, 3), on one of the drone dates."""
        aim = self.aim(number, zoom)
        look = replace(aim, east_m=self.place.east_m + aim.east_m, south_m=self.place.south_m + aim.south_m)
        image, _ = render(self.place.ground, self._flown(number), look, self.camera.size_px)
        return self._changed(image, self._rng(_DRONE, number))

    def panorama(
        self, width_px: int, height_px: int, number: int = 0, east_m: float = 0.0, south_m: float = 0.0
    ) -> Image:
        """Return a synthetic ground panorama, uint8 RGB (height, width, 3), north in the middle column."""
        look = self._look(east_m, south_m, self.camera.view_m)
        above, _ = render(self.place.ground, self._flown(number), look, self.camera.size_px)
        return self._changed(unroll(above, width_px, height_px), self._rng(_PANORAMA, number))

    def _look(self, east_m: float, south_m: float, size_m: float) -> Look:
        self._refuse_beyond(2 * max(abs(east_m), abs(south_m)) + size_m)
        return Look(self.place.east_m + east_m, self.place.south_m + south_m, size_m)

    def _refuse_beyond(self, reach_m: float) -> None:
        if reach_m > self.place.extent_m + 1e-6:
            raise ParameterError(
                f"the views extend over {reach_m:.0f} m of ground, but {self.place.name} is only "
                f"{self.place.extent_m:.0f} m wide; choose a smaller view_m, offset_m, scale or yaw_deg."
            )

    def _flown(self, number: int) -> str:
        return self.place.drone_dates[number % len(self.place.drone_dates)]

    def _changed(self, image: Image, rng: np.random.Generator) -> Image:
        if self.camera.appearance == 0:  # `drone_appearance` adds patches and JPEG artefacts at any strength
            return image
        return augment.drone_appearance(image, rng, self.camera.appearance)

    def _rng(self, stream: int, number: int) -> np.random.Generator:
        name = zlib.crc32(self.place.name.encode())
        return np.random.default_rng([self.camera.seed, name, stream, number])


def unroll(above: Image, width_px: int, height_px: int) -> Image:
    """Unroll an overhead image (S, S, 3), north up, about its centre to a panorama (height, width, 3).

    Columns are azimuths, with north in the middle and east to the right. Rows below the horizon are evenly
    spaced distances, from half the image's width down to 0. Above the horizon is sky.
    """
    sky_px = round(height_px * _SKY_SHARE)
    azimuth = (np.arange(width_px) + 0.5) / width_px * 2 * np.pi - np.pi
    middle = (above.shape[0] - 1) / 2
    radius = middle * (1 - (np.arange(height_px - sky_px) + 0.5) / (height_px - sky_px))
    columns = middle + radius[:, None] * np.sin(azimuth)[None]
    rows = middle - radius[:, None] * np.cos(azimuth)[None]
    ground = cv2.remap(above, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    shade = np.linspace(0, 1, max(sky_px, 1))[:sky_px, None, None]
    sky = (1 - shade) * np.array([110, 150, 205]) + shade * np.array([205, 215, 225])
    return np.concatenate([np.repeat(sky, width_px, axis=1).astype(np.uint8), ground])
