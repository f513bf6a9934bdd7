# SPDX-License-Identifier: Apache-2.0
"""Paints raised objects: roofs, tree crowns and vehicles, with their heights for the shadows."""

import cv2
import numpy as np

from geoloc.arrays import Float64Array, UInt8Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.canvas import HEIGHT_UNIT_M, Canvas
from geoloc_lab.world.noise import stream
from geoloc_lab.world.season import Season, crown_colours
from geoloc_lab.world.town_plan import ONLY_FIRST, ONLY_LATER, Building, Plan, Roof, Surface

_CAR_COLOURS = np.array(
    [
        (214, 214, 214),
        (226, 226, 226),
        (60, 62, 66),
        (34, 34, 38),
        (128, 132, 138),
        (160, 164, 170),
        (150, 44, 40),
        (46, 70, 126),
        (92, 96, 98),
        (176, 168, 150),
        (40, 84, 70),
    ],
    float,
)


def paint_objects(canvas: Canvas, plan: Plan, season: Season, seed: int, date: int) -> UInt8Array:
    """Paint vehicles, buildings and trees; return the mask (S, S) of crowns without leaves."""
    _paint_vehicles(canvas, plan.stalls[0], stream(seed, f"vehicles {date}"))
    hidden = ONLY_LATER if date == 0 else ONLY_FIRST
    for building in plan.buildings:
        if building.presence != hidden:
            _paint_building(canvas, building, season)
    return _paint_trees(canvas, plan.trees[0], season)


def _paint_vehicles(canvas: Canvas, stalls: Float64Array, rng: np.random.Generator) -> None:
    stalls = stalls[rng.uniform(size=len(stalls)) < stalls[:, 3]]
    colours = _CAR_COLOURS[rng.integers(0, len(_CAR_COLOURS), len(stalls))]
    shake = rng.normal(0, 0.2, (len(stalls), 3))
    for (x, y, angle, _, length_m), colour, (dx, dy, turn) in zip(stalls, colours, shake, strict=True):
        axis = np.array([np.cos(angle + turn * 0.15), np.sin(angle + turn * 0.15)])
        centre = np.array([x + dx, y + dy])
        width_m, height_m = (1.8, 1.4) if length_m < 5 else (2.5, 3.2)
        canvas.shape(
            geo.rectangle(centre, axis, length_m, width_m), colour.tolist(), Surface.VEHICLE, height_m
        )
        if length_m < 5:
            screen = geo.rectangle(centre + axis * 0.5, axis, 0.9, 1.5)
            canvas.shape(screen, (colour * 0.45).tolist(), Surface.VEHICLE, height_m)


def _sunlight(season: Season, slope: Float64Array) -> float:
    """Return the brightness of a plane that rises by `slope` (east, south); about 1 for level ground."""
    azimuth, elevation = np.radians([season.sun_azimuth_deg, season.sun_elevation_deg])
    sun = np.array([np.sin(azimuth), -np.cos(azimuth)]) * np.cos(elevation)
    normal = np.array([-slope[0], -slope[1], 1.0]) / np.sqrt(1 + slope @ slope)
    cosine = max(0.0, float(normal[:2] @ sun + normal[2] * np.sin(elevation)))
    return 0.42 + 0.58 * cosine / float(np.sin(elevation))


def _paint_building(canvas: Canvas, building: Building, season: Season) -> None:
    colour = np.array(building.colour)
    if building.roof is Roof.FLAT:
        _paint_flat_roof(canvas, building, colour)
        return
    c = building.corners
    along, half = (c[1] - c[0]) / 2, (c[3] - c[0]) / 2
    middle = c.mean(0)
    hip = (
        along * max(0.0, 1 - np.linalg.norm(half) / np.linalg.norm(along))
        if building.roof is Roof.HIP
        else along
    )
    ridge = np.stack([middle - hip, middle + hip])
    across = half / np.linalg.norm(half)
    pitch = building.rise_m / float(np.linalg.norm(half))
    planes = [
        (np.stack([c[0], c[1], ridge[1], ridge[0]]), across),
        (np.stack([c[2], c[3], ridge[0], ridge[1]]), -across),
    ]
    if building.roof is Roof.HIP:
        ahead = along / np.linalg.norm(along)
        planes += [(np.stack([c[1], c[2], ridge[1]]), -ahead), (np.stack([c[3], c[0], ridge[0]]), ahead)]
    for outline, uphill in planes:
        tone = np.clip(colour * _sunlight(season, uphill * pitch), 0, 250)
        canvas.shape(outline, tone.tolist(), Surface.ROOF, building.eave_m + building.rise_m * 0.35)
    crest = geo.rectangle(
        middle, along / np.linalg.norm(along), 2 * float(np.linalg.norm(hip)), float(np.linalg.norm(half))
    )
    _raise(canvas, crest, building.eave_m + building.rise_m * 0.85)
    canvas.stroke(ridge, 0.25, np.clip(colour * 1.12, 0, 250).tolist(), Surface.ROOF)


def _raise(canvas: Canvas, outline: Float64Array, height_m: float) -> None:
    points = np.round(canvas.pixels(outline)).astype(np.int32)
    cv2.fillConvexPoly(canvas.height, points, int(min(255, round(height_m / HEIGHT_UNIT_M))))


def _paint_flat_roof(canvas: Canvas, building: Building, colour: Float64Array) -> None:
    """Paint a parapet and the roofing; on large roofs also random machinery and skylights."""
    c = building.corners
    canvas.shape(c, np.clip(colour * 1.1, 0, 250).tolist(), Surface.ROOF, building.eave_m + 0.5)
    centre, along, across = c.mean(0), c[1] - c[0], c[3] - c[0]
    length, width = float(np.linalg.norm(along)), float(np.linalg.norm(across))
    axis = along / length
    canvas.shape(
        geo.rectangle(centre, axis, length - 0.8, width - 0.8), colour.tolist(), Surface.ROOF, building.eave_m
    )
    if length * width < 120:
        return
    rng = stream(int(abs(centre[0]) * 10), f"roof {int(abs(centre[1]) * 10)}")
    for u, v in rng.uniform(-0.4, 0.4, (rng.integers(1, 3 + int(length * width / 350)), 2)):
        unit = geo.rectangle(centre + along * u + across * v, axis, *rng.uniform(1.2, 4.0, 2))
        canvas.shape(
            unit,
            np.clip(colour * rng.uniform(0.6, 1.25), 0, 250).tolist(),
            Surface.ROOF,
            building.eave_m + 1.5,
        )
    if rng.uniform() < 0.45:
        for u in np.arange(-0.42, 0.43, 5.0 / length):
            light = geo.rectangle(centre + along * u, axis, 1.2, width * 0.7)
            canvas.shape(
                light, np.clip(colour * 1.2 + 8, 0, 250).tolist(), Surface.ROOF, building.eave_m + 0.4
            )


def _paint_trees(canvas: Canvas, trees: Float64Array, season: Season) -> UInt8Array:
    """Paint crowns as domes of three discs; return the mask of bare crowns, which get branches later."""
    bare = np.zeros_like(canvas.surface)
    # Each tree loses its leaves at its own time, which is the same on all dates.
    leafless = (trees[:, 4] < 0.5) & ((trees[:, 5] * 7919) % 1 > season.leaves)
    colours = crown_colours(season, trees)
    centres = np.round(canvas.pixels(trees[:, :2]) * 16).astype(np.int64)
    radii = np.maximum(16, np.round(trees[:, 2] / canvas.gsd_m * 16)).astype(np.int64)
    limit = len(canvas.rgb) * 16
    units = np.clip(trees[:, 3] / HEIGHT_UNIT_M, 2, 250).astype(int)
    near = ((centres > -radii[:, None]) & (centres < limit + radii[:, None])).all(1)
    for k in np.flatnonzero(near):
        centre, radius, top = (int(centres[k, 0]), int(centres[k, 1])), int(radii[k]), int(units[k])
        if leafless[k]:
            cv2.circle(bare, centre, radius, 150, -1, cv2.LINE_8, 4)
            cv2.circle(canvas.height, centre, radius // 3, top // 2, -1, cv2.LINE_8, 4)
            continue
        cv2.circle(canvas.rgb, centre, radius, colours[k].tolist(), -1, cv2.LINE_AA, 4)
        cv2.circle(canvas.surface, centre, radius, int(Surface.TREE), -1, cv2.LINE_8, 4)
        for share, level in ((1.0, 0.55), (0.75, 0.8), (0.45, 1.0)):
            cv2.circle(canvas.height, centre, int(radius * share), int(top * level), -1, cv2.LINE_8, 4)
    return bare
