# SPDX-License-Identifier: Apache-2.0
"""Warp a camera frame to a view: a square of ground seen from straight above, north up, as in the map.

The ground is modelled as the horizontal plane `height_m` below the camera. World axes are east, north, up;
optical axes are right, down, forward. Row 0 of a view is its north edge, and column 0 its west edge.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from geoloc.arrays import BoolArray, Float64Array, UInt8Array
from geoloc.camera.lens import Intrinsics, project, rays
from geoloc.errors import CameraError, FrameRefused, ParameterError, Reason
from geoloc.hypotheses import Hypotheses

_LONGEST_SIDE = 32_766  # limit of cv2.remap
_STEEPEST_RAY = math.cos(math.radians(75.0))  # farther from nadir the ground has too little detail
_CENTRE_STEPS = np.linspace(0.0, 1.0, 9)
_GOOD_ENOUGH = 0.01
_MIN_CONTRAST = 1.5
_AS_ASSUMED = Hypotheses()


@dataclass(frozen=True)
class ViewSpec:
    """The size of a view: a square of `size_m` metres of ground in `size_px` by `size_px` pixels."""

    size_m: float
    size_px: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.size_m) and self.size_m > 0):
            raise ParameterError(f"view_size_m is {self.size_m}; give a positive number of metres.")
        if self.size_px < 8:
            raise ParameterError(f"the view is {self.size_px} pixels wide; give at least 8 pixels.")

    @property
    def gsd_m(self) -> float:
        """Metres of ground per pixel."""
        return self.size_m / self.size_px


@dataclass(frozen=True, eq=False)
class View:
    """A square of the ground below the camera, seen as in the map.

    Attributes:
        images: (n, S, S, 3) uint8 RGB, north up, one for each hypothesis of heading and height; pixels
            outside the frame have the mean colour of the others.
        coverage: share of the first image that the frame covers, 0 to 1.
        offset_east_m: east component of the offset from the centre of the first image to the point below
            the camera, metres.
        offset_north_m: north component of this offset, metres.
        height_m: height of the camera above ground, metres.
        stamp_ns: stamp of the frame.
        gsd_m: metres of ground per pixel.
    """

    images: UInt8Array
    coverage: float
    offset_east_m: float
    offset_north_m: float
    height_m: float
    stamp_ns: int
    gsd_m: float

    @property
    def image(self) -> UInt8Array:
        """The first image (S, S, 3), for the assumed heading and height."""
        return np.asarray(self.images[0])


def frame_to_view(
    image_rgb: UInt8Array,
    intrinsics: Intrinsics,
    world_from_optical: Float64Array,
    height_m: float,
    spec: ViewSpec,
    stamp_ns: int = 0,
    *,
    min_coverage: float = 0.5,
    hypotheses: Hypotheses = _AS_ASSUMED,
) -> View:
    """Warp a frame to a view: the ground seen from straight above, north up.

    The centre of the view is the point nearest to the point below the camera at which the frame covers the
    view. The offset of the view leads from this centre to the point below the camera. Each further hypothesis
    has an image of its own, the view around the same centre under the heading and height of that hypothesis;
    `hypotheses.offsets_m` returns the offset for each.

    Args:
        image_rgb: the frame, (H, W, 3) uint8.
        intrinsics: intrinsics of the camera; scaled if the frame was resized.
        world_from_optical: rotation (3, 3) from optical axes to east, north, up.
        height_m: vertical height of the camera above ground.
        spec: size of the view on the ground and in pixels.
        stamp_ns: stamp of the frame and of the view.
        min_coverage: smallest share of the first image that the frame must cover.
        hypotheses: hypotheses of heading and height.

    Returns:
        The view; coverage and offset are exact on flat ground.

    Raises:
        FrameRefused: for an invalid frame, height, attitude or calibration, or if the frame covers less than
            `min_coverage` of the view.
    """
    _check_frame(image_rgb)
    _check_height(height_m)
    _check_rotation(world_from_optical)
    lens = _fitting(intrinsics, image_rgb)
    centre = _view_centre(lens, world_from_optical, height_m, spec)
    grid = _grid_m(spec.size_m, spec.size_px)

    def warped(index: int) -> tuple[UInt8Array, float]:
        ground = hypotheses.as_assumed(index, grid) + centre
        return _warped(image_rgb, *project(_from_ground(ground, world_from_optical, height_m), lens))

    image, coverage = warped(0)
    if coverage < min_coverage or not coverage:
        raise FrameRefused(
            Reason.LOW_COVERAGE,
            f"the frame covers {coverage:.0%} of the {spec.size_m:g} m view, less than {min_coverage:.0%}; "
            "fly higher, tilt less, or build the map with a smaller --view-size.",
        )
    images = [image]
    for index in range(1, hypotheses.count):
        first, quarters = hypotheses.quarter_turns(index)
        images.append(warped(index)[0] if first == index else np.rot90(images[first], -quarters))
    return View(
        images=np.stack(images),
        coverage=coverage,
        offset_east_m=0.0 - float(centre[0]),
        offset_north_m=0.0 - float(centre[1]),
        height_m=float(height_m),
        stamp_ns=stamp_ns,
        gsd_m=spec.gsd_m,
    )


def fill_invalid(image: UInt8Array, valid: BoolArray) -> UInt8Array:
    """Fill invalid pixels with the mean colour of the valid ones; views, tiles and training all use this.

    Args:
        image: (H, W, 3) uint8.
        valid: (H, W) bool.

    Returns:
        A new image (H, W, 3) uint8, mid-grey if no pixel is valid; the image itself if all pixels are.
    """
    if valid.all():
        return image
    mean = cv2.mean(image, valid.astype(np.uint8))[:3] if valid.any() else (128.0, 128.0, 128.0)
    return np.where(valid[..., None], image, np.rint(mean).astype(np.uint8))


def check_texture(image: UInt8Array, min_contrast: float = _MIN_CONTRAST) -> None:
    """Refuse a view of a single colour, such as open water, fog or a lens cap.

    Args:
        image: (S, S, 3) uint8.
        min_contrast: smallest standard deviation that one colour channel must reach, in levels of 255, after
            averaging over 4 x 4 pixels, which removes sensor noise.

    Raises:
        FrameRefused: with `Reason.DULL_VIEW`.
    """
    quarter = max(1, image.shape[1] // 4), max(1, image.shape[0] // 4)
    _, deviation = cv2.meanStdDev(cv2.resize(image, quarter, interpolation=cv2.INTER_AREA))
    contrast = float(deviation.max())
    if contrast < min_contrast:
        raise FrameRefused(
            Reason.DULL_VIEW,
            f"the view is a single colour (contrast {contrast:.1f} of 255, below {min_contrast:g}), as over "
            "water or in fog; check that the lens is not covered.",
        )


def has_texture(image: UInt8Array) -> bool:
    """Return True where `check_texture` accepts an image (S, S, 3)."""
    try:
        check_texture(image)
    except FrameRefused:
        return False
    return True


def pixel_to_ground(
    pixels: Float64Array, intrinsics: Intrinsics, world_from_optical: Float64Array, height_m: float
) -> tuple[Float64Array, BoolArray]:
    """Return the ground points of pixels.

    Args:
        pixels: (..., 2) float, x right and y down.
        intrinsics: intrinsics of the frame.
        world_from_optical: rotation (3, 3) from optical axes to east, north, up.
        height_m: vertical height of the camera above ground.

    Returns:
        ground: (..., 2) float, metres east and north of the point below the camera; 0 where not valid.
        valid: (...) bool, False more than 75 degrees from nadir, which includes the horizon and the sky.
    """
    directions, seen = rays(pixels, intrinsics)
    world = directions @ np.asarray(world_from_optical, dtype=np.float64).T
    down = -world[..., 2]
    seen = seen & (down > _STEEPEST_RAY * np.linalg.norm(world, axis=-1))
    ground = world[..., :2] * (height_m / np.where(seen, down, 1.0))[..., None]
    return np.where(seen[..., None], ground, 0.0), seen


def _check_frame(image: UInt8Array) -> None:
    """Raise BAD_IMAGE for a frame that is not (H, W, 3) uint8, or too large to be warped."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.dtype} of shape {image.shape}; pass RGB uint8 of shape (H, W, 3).",
        )
    if max(image.shape) > _LONGEST_SIDE:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.shape[1]} x {image.shape[0]} pixels; send at most {_LONGEST_SIDE} a side.",
        )


def _check_height(height_m: float) -> None:
    """Raise BAD_HEIGHT for a height above ground that is not a positive number of metres."""
    if not (math.isfinite(height_m) and height_m > 0):
        raise FrameRefused(
            Reason.BAD_HEIGHT, f"the height above ground is {height_m} m; check the height sensor."
        )


def _check_rotation(rotation: Float64Array) -> None:
    """Raise BAD_ATTITUDE for a matrix that is not a rotation (3, 3)."""
    proper = np.shape(rotation) == (3, 3) and np.isfinite(rotation).all() and np.linalg.det(rotation) > 0
    if not (proper and np.allclose(rotation @ np.transpose(rotation), np.eye(3), atol=1e-3)):
        raise FrameRefused(
            Reason.BAD_ATTITUDE, "the camera's attitude is not a rotation; check IMU and mount."
        )


def _view_centre(lens: Intrinsics, rotation: Float64Array, height_m: float, spec: ViewSpec) -> Float64Array:
    # At nadir the ground is sharpest, and an attitude error moves it least. So step from nadir towards the
    # middle of the visible ground, only until the coverage is close to its maximum.
    ground, seen = pixel_to_ground(_frame_grid(lens), lens, rotation, height_m)
    if not seen.any():
        return np.zeros(2)
    candidates = _CENTRE_STEPS[:, None] * ground[seen].mean(axis=0)
    points = candidates[:, None, None, :] + _grid_m(spec.size_m, 9)
    _, valid = project(_from_ground(points, rotation, height_m), lens)
    coverage = valid.mean(axis=(1, 2))
    return np.asarray(candidates[int(np.argmax(coverage >= coverage.max() - _GOOD_ENOUGH))])


def _frame_grid(lens: Intrinsics) -> Float64Array:
    columns = (np.arange(16) + 0.5) / 16 * lens.width - 0.5
    rows = (np.arange(12) + 0.5) / 12 * lens.height - 0.5
    return np.stack(np.meshgrid(columns, rows), axis=-1)


def _grid_m(size_m: float, size_px: int) -> Float64Array:
    axis = (np.arange(size_px) + 0.5 - size_px / 2) * (size_m / size_px)
    return np.stack(np.meshgrid(axis, -axis), axis=-1)


def _from_ground(ground: Float64Array, rotation: Float64Array, height_m: float) -> Float64Array:
    return np.asarray(ground @ rotation[:2] - height_m * rotation[2], dtype=np.float64)


def _warped(image: UInt8Array, pixels: Float64Array, valid: BoolArray) -> tuple[UInt8Array, float]:
    """Return the image at these pixels, and the share of it that the frame covers."""
    if not valid.any():
        return fill_invalid(np.zeros((*valid.shape, 3), dtype=np.uint8), valid), 0.0
    return fill_invalid(_sample(image, pixels, valid), valid), float(valid.mean())


def _sample(image: UInt8Array, pixels: Float64Array, valid: BoolArray) -> UInt8Array:
    # Shrink to about the resolution of the view first; bilinear sampling alone would alias.
    factor = max(1, round(_pixels_per_step(pixels, valid)))
    x, y = pixels[..., 0][valid], pixels[..., 1][valid]
    left, top = max(int(x.min()) - 1, 0), max(int(y.min()) - 1, 0)
    window = image[top : int(y.max()) + 2 + factor, left : int(x.max()) + 2 + factor]
    width, height = window.shape[1] // factor, window.shape[0] // factor
    if factor > 1 and width > 0 and height > 0:
        whole = window[: height * factor, : width * factor]
        window = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
        pixels = (pixels - (left - 0.5, top - 0.5)) / factor - 0.5
    else:
        pixels = pixels - (left, top)
    sampled = cv2.remap(
        window, pixels.astype(np.float32), None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(sampled, dtype=np.uint8)


def _pixels_per_step(pixels: Float64Array, valid: BoolArray) -> float:
    stride = max(1, len(pixels) // 16)
    pixels, valid = pixels[::stride, ::stride], valid[::stride, ::stride]
    across = np.linalg.norm(np.diff(pixels, axis=1)[:-1], axis=-1)
    down = np.linalg.norm(np.diff(pixels, axis=0)[:, :-1], axis=-1)
    whole = valid[:-1, :-1] & valid[1:, :-1] & valid[:-1, 1:]
    return float(np.sqrt((across * down)[whole].mean())) / stride if whole.any() else 1.0


def _fitting(intrinsics: Intrinsics, image: UInt8Array) -> Intrinsics:
    try:
        return intrinsics.scaled_to(image.shape[1], image.shape[0])
    except CameraError as error:
        raise FrameRefused(Reason.BAD_CAMERA_INFO, str(error)) from error
