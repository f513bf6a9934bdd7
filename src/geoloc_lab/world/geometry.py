# SPDX-License-Identifier: Apache-2.0
"""Plane geometry for the town plan: convex polygons, rectangles, curves, in metres with y to the south."""

from collections.abc import Callable

import cv2
import numpy as np

from geoloc.arrays import Float64Array

_GUIDED_DEPTH = 5


def area(polygon: Float64Array) -> float:
    """Return the area of a simple polygon (N, 2)."""
    x, y = polygon[:, 0], polygon[:, 1]
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def clip(polygon: Float64Array, point: Float64Array, normal: Float64Array) -> Float64Array:
    """Clip a convex polygon (N, 2) to the half-plane that starts at `point` and extends along `normal`."""
    if len(polygon) == 0:
        return polygon
    side = (polygon - point) @ normal
    kept: list[Float64Array] = []
    for here, there, a, b in zip(polygon, np.roll(polygon, -1, 0), side, np.roll(side, -1), strict=True):
        if a >= 0:
            kept.append(here)
        if (a > 0 > b) or (a < 0 < b):
            kept.append(here + (there - here) * a / (a - b))
    return np.array(kept).reshape(-1, 2)


def chord(polygon: Float64Array, point: Float64Array, normal: Float64Array) -> Float64Array:
    """Return the segment (2, 2) in which a line through `point` crosses a convex polygon."""
    cut = clip(polygon, point, normal)
    along = np.array([-normal[1], normal[0]])
    on_line = cut[np.abs((cut - point) @ normal) < 1e-6]
    order = np.argsort(on_line @ along)
    return on_line[order[[0, -1]]]


def edges(polygon: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Return start points (N, 2) and inward unit normals (N, 2) of a convex polygon's edges."""
    ahead = np.roll(polygon, -1, 0) - polygon
    normal = (
        np.stack([-ahead[:, 1], ahead[:, 0]], 1) / np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)[:, None]
    )
    inward = np.sum(normal * (polygon.mean(0) - polygon), 1)
    return polygon, normal * np.sign(inward)[:, None]


def inset(polygon: Float64Array, distance_m: float) -> Float64Array:
    """Move every edge of a convex polygon inward; return an empty array (0, 2) if no area is left."""
    result = polygon
    for point, normal in zip(*edges(polygon), strict=True):
        result = clip(result, point + normal * distance_m, normal)
    return result if len(result) >= 3 else np.empty((0, 2))


def oriented_box(polygon: Float64Array) -> tuple[Float64Array, Float64Array, float, float]:
    """Return centre, unit long axis, length and width of the smallest rectangle around a polygon."""
    (cx, cy), (w, h), degrees = cv2.minAreaRect(polygon.astype(np.float32))
    angle = np.radians(degrees) + (0.0 if w >= h else np.pi / 2)
    return np.array([cx, cy]), np.array([np.cos(angle), np.sin(angle)]), float(max(w, h)), float(min(w, h))


def partition(
    polygon: Float64Array,
    rng: np.random.Generator,
    target_m2: Callable[[Float64Array], float],
    skew_rad: float = 0.08,
    heading_rad: Callable[[Float64Array], float] | None = None,
) -> tuple[list[Float64Array], list[tuple[Float64Array, int]]]:
    """Cut a convex polygon into cells by repeated cuts across the longer side.

    Args:
        polygon: convex outline (N, 2).
        rng: random generator for the position and skew of each cut.
        target_m2: function of a cell's centroid (2,): area below which a cell is not cut further.
        skew_rad: standard deviation of the angle between a cut and the perpendicular to the longer side.
        heading_rad: function of a cell's centroid (2,): direction that early cuts follow or cross.

    Returns:
        Cells, and cuts as (segment (2, 2), depth); the first cut has depth 0.
    """
    cells: list[Float64Array] = []
    cuts: list[tuple[Float64Array, int]] = []
    waiting = [(polygon, 0)]
    while waiting:
        cell, depth = waiting.pop()
        if area(cell) < target_m2(cell.mean(0)):
            cells.append(cell)
            continue
        follow = heading_rad is not None and depth < _GUIDED_DEPTH
        centre, axis, length_m = (
            _guided_box(cell, heading_rad) if follow and heading_rad else oriented_box(cell)[:3]
        )
        point = centre + axis * rng.uniform(-0.13, 0.13) * length_m
        normal = turned(axis, rng.normal(0, skew_rad))
        cuts.append((chord(cell, point, normal), depth))
        waiting += [(clip(cell, point, normal), depth + 1), (clip(cell, point, -normal), depth + 1)]
    return cells, cuts


def _guided_box(
    cell: Float64Array, heading_rad: Callable[[Float64Array], float]
) -> tuple[Float64Array, Float64Array, float]:
    axis = turned(np.array([1.0, 0.0]), heading_rad(cell.mean(0)))
    frame = np.stack([axis, turned(axis, np.pi / 2)])
    low, high = (cell @ frame.T).min(0), (cell @ frame.T).max(0)
    longest = int(np.argmax(high - low))
    return (low + high) / 2 @ frame, frame[longest], float((high - low)[longest])


def turned(axis: Float64Array, angle_rad: float) -> Float64Array:
    """Return a vector (2,) turned by an angle."""
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([axis[0] * cos - axis[1] * sin, axis[0] * sin + axis[1] * cos])


def rectangle(centre: Float64Array, axis: Float64Array, length_m: float, width_m: float) -> Float64Array:
    """Return corners (4, 2) of a rectangle; corners 0-1 and 2-3 run along `axis` (unit)."""
    along, across = axis * length_m / 2, np.array([-axis[1], axis[0]]) * width_m / 2
    return np.stack(
        [centre - along - across, centre + along - across, centre + along + across, centre - along + across]
    )


def densify(points: Float64Array, step_m: float, closed: bool = False) -> Float64Array:
    """Insert points so that no step of a polyline (N, 2) is longer than `step_m`."""
    path = np.vstack([points, points[:1]]) if closed else points
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    pieces = [
        np.linspace(a, b, max(2, int(np.ceil((e - s) / step_m)) + 1))[:-1]
        for a, b, s, e in zip(path[:-1], path[1:], length[:-1], length[1:], strict=True)
    ]
    return np.vstack(pieces if closed else [*pieces, path[-1:]])


def along(points: Float64Array, spacing_m: float) -> tuple[Float64Array, Float64Array]:
    """Return points (N, 2) every `spacing_m` along a polyline, and its unit directions (N, 2) there."""
    step = np.diff(points, axis=0)
    length = np.linalg.norm(step, axis=1)
    reach = np.concatenate([[0], np.cumsum(length)])
    at = np.arange(spacing_m / 2, reach[-1], spacing_m)
    k = np.clip(np.searchsorted(reach, at, side="right") - 1, 0, len(step) - 1)
    direction = step[k] / np.maximum(length[k], 1e-9)[:, None]
    return points[k] + direction * (at - reach[k])[:, None], direction


def meander(
    rng: np.random.Generator, start: Float64Array, end: Float64Array, sway_m: float, wavelength_m: float
) -> Float64Array:
    """Return a smooth winding curve (N, 2) from start to end, with a point about every 8 m."""
    length_m = float(np.linalg.norm(end - start))
    s = np.linspace(0, 1, max(4, int(length_m / 8)))
    axis = (end - start) / length_m
    side = np.zeros_like(s)
    for octave in range(3):
        wavelength = wavelength_m / 1.9**octave
        side += sway_m / 2**octave * np.sin(2 * np.pi * (s * length_m / wavelength + rng.uniform()))
    curve: Float64Array = (
        start + (s * length_m)[:, None] * axis + side[:, None] * np.array([-axis[1], axis[0]])
    )
    return curve
