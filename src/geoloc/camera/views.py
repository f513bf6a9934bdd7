# SPDX-License-Identifier: Apache-2.0
"""Frames to views: a camera frame, warped to the ground as the map shows it (nadir, north-up, square).

The ground is taken as the horizontal plane `height_m` below the camera. World axes are east, north, up; the
optical frame is x right, y down, z forward. The view's row 0 is its north edge and column 0 its west edge.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from geoloc.arrays import BoolArray, Float64Array, UInt8Array
from geoloc.camera.lens import Intrinsics, project, rays
from geoloc.errors import CameraError, FrameRefused, ParameterError, Reason
from geoloc.hypotheses import Hypotheses

_LONGEST_SIDE = 32_766  # of what OpenCV can remap
_STEEPEST_RAY = math.cos(math.radians(75.0))  # ground seen flatter than this has no detail to speak of
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
            raise ParameterError(f"view_size_m is {self.size_m}; it must be a positive number of metres")
        if self.size_px < 8:
            raise ParameterError(f"the view is {self.size_px} pixels wide; it must be at least 8")

    @property
    def gsd_m(self) -> float:
        """Metres of ground per pixel."""
        return self.size_m / self.size_px


@dataclass(frozen=True, eq=False)
class View:
    """The ground below, as the map shows it.

    Attributes:
        images: (n, S, S, 3) uint8 RGB, north up, one for each hypothesis of heading and height; what the
            frame does not show has the mean colour of the rest.
        coverage: the part of the first image that the frame shows, 0 to 1.
        offset_east_m: the camera's ground position less the centre of the first image, to the east.
        offset_north_m: the same to the north.
        height_m: of the camera above the ground.
        stamp_ns: the frame's own stamp.
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
        """The first image (S, S, 3): the view by heading and height as they are assumed."""
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
    """Warp a frame to the ground as seen from straight above, north up.

    The view's centre is as near to the point below the camera as lets the frame cover the view; the
    returned offset leads from that centre back to the point below the camera, exactly. Each further
    hypothesis has its own image, of the view that its heading and height would make around the same centre;
    `hypotheses.offsets_m` gives the offset from that view's centre.

    Args:
        image_rgb: (H, W, 3) uint8.
        intrinsics: of the camera; scaled where the frame is a resized one.
        world_from_optical: (3, 3) rotation that takes optical axes to east, north, up.
        height_m: vertical height of the camera above the ground.
        spec: size of the view on the ground and in pixels.
        stamp_ns: of the frame, and so of the view.
        min_coverage: the least part of the view that the frame must show, by what is assumed.
        hypotheses: of heading and height.

    Returns:
        The view; coverage and offset are exact for a flat ground.

    Raises:
        FrameRefused: on a frame, height, attitude or calibration that cannot be used, and where the frame
            shows less than `min_coverage` of the view.
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
            f"the frame shows {coverage:.0%} of the {spec.size_m:g} m view, less than {min_coverage:.0%}; "
            "fly higher, tilt less, or build the map with a smaller view_size_m",
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
    """Fill invalid pixels with the mean colour of the valid ones, in flight, map and training alike.

    Args:
        image: (H, W, 3) uint8.
        valid: (H, W) bool.

    Returns:
        A new (H, W, 3) uint8; mid-grey where no pixel is valid, the image itself where all are.
    """
    if valid.all():
        return image
    mean = cv2.mean(image, valid.astype(np.uint8))[:3] if valid.any() else (128.0, 128.0, 128.0)
    return np.where(valid[..., None], image, np.rint(mean).astype(np.uint8))


def check_texture(image: UInt8Array, min_contrast: float = _MIN_CONTRAST) -> None:
    """Refuse a view that is all one colour: open water, fog, a lens cap.

    Args:
        image: (S, S, 3) uint8.
        min_contrast: least standard deviation of a colour channel in levels of 255, after averaging over
            4 x 4 pixels so that sensor noise does not pass for ground.

    Raises:
        FrameRefused: with `Reason.DULL_VIEW`.
    """
    quarter = max(1, image.shape[1] // 4), max(1, image.shape[0] // 4)
    _, deviation = cv2.meanStdDev(cv2.resize(image, quarter, interpolation=cv2.INTER_AREA))
    contrast = float(deviation.max())
    if contrast < min_contrast:
        raise FrameRefused(
            Reason.DULL_VIEW,
            f"the view is all one colour (contrast {contrast:.1f} of 255, at least {min_contrast:g} needed): "
            "water, fog or a covered lens",
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
    """Find the ground that pixels see.

    Args:
        pixels: (..., 2) float, x right and y down.
        intrinsics: of the frame.
        world_from_optical: (3, 3) rotation that takes optical axes to east, north, up.
        height_m: vertical height of the camera above the ground.

    Returns:
        ground: (..., 2) float, east and north of the point below the camera, metres; 0 where not valid.
        valid: (...) bool, false above 75 degrees off nadir, at and over the horizon.
    """
    directions, seen = rays(pixels, intrinsics)
    world = directions @ np.asarray(world_from_optical, dtype=np.float64).T
    down = -world[..., 2]
    seen = seen & (down > _STEEPEST_RAY * np.linalg.norm(world, axis=-1))
    ground = world[..., :2] * (height_m / np.where(seen, down, 1.0))[..., None]
    return np.where(seen[..., None], ground, 0.0), seen


def _check_frame(image: UInt8Array) -> None:
    """Refuse, as BAD_IMAGE, what is not (H, W, 3) uint8 or larger than can be warped."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.dtype} of shape {image.shape}; RGB uint8 of shape (H, W, 3) is needed",
        )
    if max(image.shape) > _LONGEST_SIDE:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the frame is {image.shape[1]} x {image.shape[0]} pixels; a side may have {_LONGEST_SIDE}",
        )


def _check_height(height_m: float) -> None:
    """Refuse, as BAD_HEIGHT, a height above ground that is not a positive number of metres."""
    if not (math.isfinite(height_m) and height_m > 0):
        raise FrameRefused(
            Reason.BAD_HEIGHT, f"the height above ground is {height_m} m; a positive number is needed"
        )


def _check_rotation(rotation: Float64Array) -> None:
    """Refuse, as BAD_ATTITUDE, what is not a rotation (3, 3)."""
    proper = np.shape(rotation) == (3, 3) and np.isfinite(rotation).all() and np.linalg.det(rotation) > 0
    if not (proper and np.allclose(rotation @ np.transpose(rotation), np.eye(3), atol=1e-3)):
        raise FrameRefused(
            Reason.BAD_ATTITUDE, "the camera's attitude is not a rotation; check IMU and mount"
        )


def _view_centre(lens: Intrinsics, rotation: Float64Array, height_m: float, spec: ViewSpec) -> Float64Array:
    # Nearest to nadir the ground is sharpest and an attitude error moves it least, so walk from there towards
    # the middle of what the frame shows, no further than the view needs.
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
    """Return the picture of these pixels, and which part of it the frame shows."""
    if not valid.any():
        return fill_invalid(np.zeros((*valid.shape, 3), dtype=np.uint8), valid), 0.0
    return fill_invalid(_sample(image, pixels, valid), valid), float(valid.mean())


def _sample(image: UInt8Array, pixels: Float64Array, valid: BoolArray) -> UInt8Array:
    # Shrinking first to about the view's own resolution averages what bilinear sampling would skip.
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
