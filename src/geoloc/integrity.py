# SPDX-License-Identifier: Apache-2.0
"""Integrity: the rules that refuse a frame, and the covariance of an answer.

Every rule raises `FrameRefused` with the measured value and the limit in its sentence. Distances are metres
in the map's east-north frame; scores are cosines.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from geoloc.arrays import Float32Array, Float64Array, FloatArray
from geoloc.errors import FrameRefused, HintRefused, Reason

if TYPE_CHECKING:
    from geoloc.encoder.calibration import Calibration
    from geoloc.hypotheses import Hypotheses


def checked_descriptor(descriptor: FloatArray, size: int) -> Float32Array:
    """Return a descriptor (D,) as float32 of unit length; refuse one that the map's encoder cannot produce.

    Raises:
        FrameRefused: BAD_DESCRIPTOR for a wrong shape, NaN or infinity, or a zero vector.
    """
    vector = np.asarray(descriptor, dtype=np.float32)
    if vector.shape != (size,):
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"the descriptor has shape {vector.shape}, but the map's descriptors have {size} values; "
            "start the nodes with the model that built the map.",
        )
    length = float(np.linalg.norm(vector))
    if not math.isfinite(length):
        raise FrameRefused(Reason.BAD_DESCRIPTOR, "the descriptor holds NaN or infinity; check the model.")
    if length < 1e-6:
        raise FrameRefused(Reason.BAD_DESCRIPTOR, "the descriptor is a zero vector; check the model.")
    return np.asarray(vector / length, dtype=np.float32)


def checked_descriptors(descriptors: FloatArray, size: int, hypotheses: "Hypotheses") -> Float32Array:
    """Return descriptors (n, D), or one (D,), as float32 (n, D) of unit length.

    Raises:
        FrameRefused: BAD_DESCRIPTOR unless there is one for each hypothesis, all of them valid.
    """
    rows = np.asarray(descriptors, dtype=np.float32)
    rows = rows[None] if rows.ndim < 2 else rows
    if len(rows) != hypotheses.count:
        raise FrameRefused(
            Reason.BAD_DESCRIPTOR,
            f"the descriptor has {len(rows)} rows, but heading_error_deg {hypotheses.heading_error_deg:g} "
            f"and height_error {hypotheses.height_error:g} need {hypotheses.count}; give camera_node and "
            "retrieval_node the same values of both, under `/**` as in config/bringup.yaml, and the "
            "params.yaml of one model.",
        )
    return np.stack([checked_descriptor(row, size) for row in rows])


def check_offset(east_m: float, north_m: float) -> None:
    """Refuse an offset from the view to the camera that is not finite."""
    if not (math.isfinite(east_m) and math.isfinite(north_m)):
        raise FrameRefused(
            Reason.NO_OFFSET, f"the view's offset ({east_m}, {north_m}) m is not finite; check camera_node."
        )


def check_score(score: float, min_score: float) -> None:
    """Refuse a best tile that is not similar enough to the view."""
    if not score >= min_score:
        raise FrameRefused(
            Reason.LOW_SCORE, f"the best tile scores {score:.3f}, below min_score {min_score:.3f}."
        )


def check_margin(margin: float, min_margin: float) -> None:
    """Refuse a best tile if another place scores almost as high; `margin` is inf without another place."""
    if not margin >= min_margin:
        raise FrameRefused(
            Reason.LOW_MARGIN,
            f"another place scores only {margin:.3f} less than the best tile; "
            f"min_margin is {min_margin:.3f}.",
        )


def check_degrees(latitude_deg: float, longitude_deg: float) -> None:
    """Refuse a hint's latitude outside ±90 degrees or longitude outside ±180."""
    if not (abs(latitude_deg) <= 90.0 and abs(longitude_deg) <= 180.0):
        raise HintRefused(
            f"latitude {latitude_deg}, longitude {longitude_deg} is not a place on Earth; "
            "give WGS 84 degrees.",
        )


def check_on_map(east_m: float, north_m: float, bounds_m: tuple[float, float, float, float]) -> None:
    """Refuse a camera position outside `bounds_m` (left, bottom, right, top)."""
    left, bottom, right, top = bounds_m
    if not (left <= east_m <= right and bottom <= north_m <= top):
        raise FrameRefused(
            Reason.OFF_MAP,
            f"the position ({east_m:.0f}, {north_m:.0f}) m in the map's frame is off the map, which extends "
            f"from ({left:.0f}, {bottom:.0f}) to ({right:.0f}, {top:.0f}) m.",
        )


def covariance_m2(positions_m: Float64Array, weights: Float64Array, pitch_m: float) -> Float64Array:
    """Return the covariance (2, 2) of a position, east-north, metres².

    It is the covariance of the posterior over tiles plus that of the grid's resolution: a position uniform
    within a cell of side p has variance p²/12 along each axis.

    Args:
        positions_m: tile centres (n, 2), east and north.
        weights: posterior of the tiles (n,), summing to one.
        pitch_m: distance between neighbouring tiles.
    """
    centred = positions_m - weights @ positions_m
    spread = (centred * weights[:, None]).T @ centred
    floor = np.eye(2) * (pitch_m**2 / 12.0)
    return np.asarray(spread + floor, dtype=np.float64)


def calibrated(covariance_m2: Float64Array, calibration: "Calibration") -> Float64Array:
    """Apply the calibration of `geoloc calibrate` to covariances (…, 2, 2), metres²: s Σ + f² I.

    Args:
        covariance_m2: covariances as computed; NaN stays NaN.
        calibration: calibration of the model card; the default one changes nothing.
    """
    return scaled_covariance(covariance_m2, calibration.covariance_scale, calibration.sigma_floor_m)


def scaled_covariance(covariance_m2: Float64Array, scale: float, floor_m: float) -> Float64Array:
    """Return s Σ + f² I for covariances Σ (…, 2, 2), metres², a scale s and a floor f in metres."""
    return np.asarray(scale * covariance_m2 + np.eye(2) * floor_m**2, dtype=np.float64)


def attitude_m(height_m: float, attitude_error_deg: float) -> float:
    """Return the standard deviation per axis that an error of roll and pitch causes at a height."""
    return height_m * math.tan(math.radians(attitude_error_deg))


def tilt_shift(height_m: float, offset_m: Float64Array) -> Float64Array:
    """Return the matrix (2, 2) from a tilt, east and north in radians, to the shift of a view's ground.

    Straight below the camera, the shift is the height times the tilt. Elsewhere the ground moves more.

    Args:
        height_m: height above ground.
        offset_m: offset (2,), east and north, from the view's centre to the camera.
    """
    return np.asarray(np.eye(2) * height_m + np.outer(offset_m, offset_m) / height_m)


def attitude_covariance_m2(
    height_m: float, offset_m: Float64Array, attitude_error_deg: float
) -> Float64Array:
    """Return the covariance (2, 2) that an error of roll and pitch causes; see `tilt_shift`."""
    shift = tilt_shift(height_m, offset_m)
    return np.asarray(shift @ shift.T * math.tan(math.radians(attitude_error_deg)) ** 2)


def sigma_m(covariance_m2: Float64Array) -> Float64Array:
    """Return the standard deviation of positions: the root of the trace of covariances (…, 2, 2), or NaN."""
    variance = np.trace(covariance_m2, axis1=-2, axis2=-1)
    return np.asarray(np.sqrt(np.where(variance >= 0.0, variance, math.nan)), dtype=np.float64)


def check_sigma(sigma: float, max_sigma_m: float) -> None:
    """Refuse an answer whose standard deviation exceeds `max_sigma_m`; 0 disables the check."""
    if max_sigma_m > 0.0 and not sigma <= max_sigma_m:
        raise FrameRefused(
            Reason.UNSURE,
            f"the answer's standard deviation is {sigma:.1f} m, more than max_sigma_m {max_sigma_m:.1f} m.",
        )


def normalised_error(error_m: Float64Array, covariance_m2: Float64Array) -> Float64Array:
    """Return the normalized squared error e'Σ⁻¹e of errors e (…, 2) and covariances Σ (…, 2, 2).

    It follows χ² with two degrees of freedom if the covariance is consistent. It is NaN where an input is
    NaN, and inf where Σ is not positive definite.
    """
    east_m, north_m = np.moveaxis(error_m, -1, 0)
    ee, nn = covariance_m2[..., 0, 0], covariance_m2[..., 1, 1]
    en = (covariance_m2[..., 0, 1] + covariance_m2[..., 1, 0]) / 2.0
    determinant = ee * nn - en**2
    proper = (ee + nn > 0.0) & (determinant > 1e-12 * (ee + nn) ** 2)
    squares = nn * east_m**2 - 2.0 * en * east_m * north_m + ee * north_m**2
    known = np.isfinite(squares)
    normalised = squares / np.where(proper, determinant, 1.0)
    return np.asarray(np.where(known, np.where(proper, normalised, math.inf), math.nan), dtype=np.float64)
