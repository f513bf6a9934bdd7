# SPDX-License-Identifier: Apache-2.0
"""Paints flat objects: lots, lawns and water, fields with their tramlines, streets and railways."""

import cv2
import numpy as np

from geoloc.arrays import Float64Array, UInt8Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.canvas import Canvas
from geoloc_lab.world.noise import stream
from geoloc_lab.world.season import Season, palette
from geoloc_lab.world.town_plan import Field, Plan, Road, RoadKind, Surface

_ROWS = {
    Surface.CEREAL: 0.10,
    Surface.STUBBLE: 0.16,
    Surface.GREENCROP: 0.20,
    Surface.RAPESEED: 0.08,
    Surface.SOIL: 0.13,
}

_PROFILE_STEP_M = 0.15
_TURN = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_RING = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


def paint_ground(canvas: Canvas, plan: Plan, season: Season, date: int) -> None:
    """Paint the flat parts of the plan, lowest rank first."""
    colours = palette(season)
    canvas.rgb[:] = colours[Surface.MEADOW].astype(np.uint8)
    canvas.surface[:] = Surface.MEADOW
    for field in plan.fields:
        _paint_field(canvas, field, colours, date)
    for patch in plan.patches:
        colour = np.clip(colours[patch.surface] * patch.tint, 0, 255)
        canvas.fill(patch.outline, colour.tolist(), patch.surface)
    for stroke in plan.strokes:
        canvas.stroke(
            stroke.points, stroke.width_m, colours[stroke.surface].tolist(), stroke.surface, stroke.height_m
        )
    _paint_ways(canvas, plan, colours)


def _paint_field(canvas: Canvas, field: Field, colours: Float64Array, date: int) -> None:
    """Fill a field with stripes along the direction of work, tramlines at each swath, and a headland."""
    crop = field.crops[date % len(field.crops)]
    rng = stream(field.seed, f"crop {crop.name}")
    tint = rng.normal(1, 0.08) * rng.normal(1, 0.03, 3)
    colour = np.clip(colours[crop] * tint, 0, 255)
    canvas.fill(field.outline, colour.tolist(), crop)
    pixels = canvas.pixels(field.outline)
    low = np.clip(np.floor(pixels.min(0)).astype(int), 0, len(canvas.rgb))
    high = np.clip(np.ceil(pixels.max(0)).astype(int) + 1, 0, len(canvas.rgb))
    if (high <= low).any():
        return
    mask = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    cv2.fillPoly(mask, [np.round(pixels - low).astype(np.int32)], 255)
    x = (np.arange(low[0], high[0], dtype=np.float32) + 0.5) * canvas.gsd_m
    y = (np.arange(low[1], high[1], dtype=np.float32) + 0.5) * canvas.gsd_m
    across = y[:, None] * np.float32(np.cos(field.angle_rad)) - x * np.float32(np.sin(field.angle_rad))
    gain = _row_profile(rng, crop, field.swath_m)
    step = np.float32(1 / _PROFILE_STEP_M)
    index = (across * step).astype(np.int32) % len(gain)
    window = canvas.rgb[low[1] : high[1], low[0] : high[0]]
    striped = cv2.multiply(window, cv2.merge([gain[index]] * 3), scale=1 / 128)
    cv2.copyTo(striped, mask, window)
    ring = np.vstack([field.outline, field.outline[:1]])
    canvas.stroke(ring, 1.2, (colour * 0.86).tolist(), crop)


def _row_profile(rng: np.random.Generator, crop: Surface, swath_m: float) -> UInt8Array:
    """Return the brightness (128 = 1) across the direction of work, every `_PROFILE_STEP_M` over 600 m."""
    at = np.arange(4000) * _PROFILE_STEP_M
    strength = _ROWS.get(crop, 0.1)
    rows = np.sin(2 * np.pi * at / rng.uniform(1.4, 3.2)) * strength * 0.55
    passes = np.repeat(rng.normal(0, strength * 0.6, 4000), max(1, int(swath_m / 4 / _PROFILE_STEP_M)))[:4000]
    gain = 1 + rows + passes
    phase = at % swath_m
    for wheel in (swath_m / 2 - 0.9, swath_m / 2 + 0.9):
        gain[np.abs(phase - wheel) < 0.35] *= 0.72 if crop is not Surface.SOIL else 1.12
    return np.asarray(np.clip(gain * 128, 40, 230), dtype=np.uint8)


def _paint_ways(canvas: Canvas, plan: Plan, colours: Float64Array) -> None:
    """Paint small streets, then rivers, then large roads (which bridge them), railways and roundabouts."""
    lesser = sorted((road for road in plan.roads if road.kind < RoadKind.AVENUE), key=lambda road: road.kind)
    for road in lesser:
        _paint_verge(canvas, road, colours)
    for road in lesser:
        _paint_road(canvas, road, colours)
    for river in plan.rivers:
        canvas.stroke(river.points, river.width_m + 7, colours[Surface.MEADOW].tolist(), Surface.MEADOW)
        canvas.stroke(river.points, river.width_m + 2, (colours[Surface.DIRT] * 0.8).tolist(), Surface.DIRT)
        canvas.stroke(river.points, river.width_m, colours[Surface.WATER].tolist(), Surface.WATER)
    for kind in (RoadKind.AVENUE, RoadKind.MAIN):
        _paint_greater(canvas, [road for road in plan.roads if road.kind is kind], colours)
    for railway in plan.railways:
        _paint_railway(canvas, railway, colours)
    for x, y, radius_m in plan.roundabouts:
        _paint_roundabout(canvas, np.array([x, y]), radius_m, colours)


def _paint_greater(canvas: Canvas, roads: list[Road], colours: Float64Array) -> None:
    """Paint roads of one rank: markings last, and no markings where a road ends in another."""
    for road in roads:
        _paint_verge(canvas, road, colours)
    for road in roads:
        _paint_road(canvas, road, colours)
    for road in roads:
        _mark(canvas, road.points, 0.25, colours)
        for sign in (-1, 1):
            _solid(canvas, _beside(road.points, sign * (road.width_m / 2 - 0.6)), colours)
    for road in roads:
        for end in road.points[[0, -1]]:
            canvas.fill(
                end + _RING * road.width_m * 0.62, colours[Surface.ROAD].tolist(), Surface.ROAD, height_m=0.0
            )


def _paint_verge(canvas: Canvas, road: Road, colours: Float64Array) -> None:
    if road.kind in (RoadKind.STREET, RoadKind.AVENUE):
        canvas.stroke(road.points, road.width_m + 3.6, colours[Surface.PAVING].tolist(), Surface.PAVING)
    elif road.kind is RoadKind.MAIN:
        canvas.stroke(road.points, road.width_m + 5, colours[Surface.LAWN].tolist(), Surface.LAWN)
        canvas.stroke(road.points, road.width_m + 1.6, colours[Surface.GRAVEL].tolist(), Surface.GRAVEL)


def _paint_road(canvas: Canvas, road: Road, colours: Float64Array) -> None:
    if road.kind is RoadKind.TRACK:
        canvas.stroke(road.points, road.width_m, colours[Surface.DIRT].tolist(), Surface.DIRT)
        canvas.stroke(road.points, 0.7, colours[Surface.MEADOW].tolist(), Surface.MEADOW)
        return
    surface = Surface.ROAD if road.kind >= RoadKind.AVENUE else Surface.ASPHALT
    wear = 0.92 + 0.16 * ((road.points[0, 0] * 0.37 + road.points[0, 1] * 0.73) % 1)
    canvas.stroke(road.points, road.width_m, (colours[surface] * wear).tolist(), surface)


def _beside(points: Float64Array, lateral_m: float) -> Float64Array:
    ahead = np.gradient(points, axis=0)
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1), 1e-9)[:, None]
    return np.asarray(points + lateral_m * np.stack([-ahead[:, 1], ahead[:, 0]], 1), dtype=np.float64)


def _mark(canvas: Canvas, points: Float64Array, width_m: float, colours: Float64Array) -> None:
    spots, ahead = geo.along(points, 9.0)
    near = ((spots > -20) & (spots < len(canvas.rgb) * canvas.gsd_m + 20)).all(1)
    for spot, direction in zip(spots[near], ahead[near], strict=True):
        dash = spot + direction * np.array([[-2.2], [2.2]])
        canvas.stroke(dash, width_m, colours[Surface.PAINT].tolist(), Surface.PAINT)


def _solid(canvas: Canvas, points: Float64Array, colours: Float64Array) -> None:
    canvas.stroke(
        points, max(0.3, canvas.gsd_m * 0.8), (colours[Surface.PAINT] * 0.86).tolist(), Surface.PAINT
    )


def _paint_railway(canvas: Canvas, railway: Road, colours: Float64Array) -> None:
    canvas.stroke(railway.points, railway.width_m + 3, colours[Surface.MEADOW].tolist(), Surface.MEADOW)
    canvas.stroke(railway.points, railway.width_m, colours[Surface.BALLAST].tolist(), Surface.BALLAST)
    for track_m in (-2.1, 2.1):
        canvas.stroke(
            _beside(railway.points, track_m), 2.4, (colours[Surface.BALLAST] * 0.84).tolist(), Surface.BALLAST
        )
        for rail_m in (-0.72, 0.72):
            canvas.stroke(
                _beside(railway.points, track_m + rail_m), 0.3, colours[Surface.STEEL].tolist(), Surface.STEEL
            )


def _paint_roundabout(canvas: Canvas, centre: Float64Array, radius_m: float, colours: Float64Array) -> None:
    for share, surface in (
        (1.14, Surface.PAVING),
        (1.0, Surface.ROAD),
        (0.52, Surface.PAVING),
        (0.47, Surface.LAWN),
    ):
        canvas.fill(centre + _RING * radius_m * share, colours[surface].tolist(), surface, height_m=0.0)
