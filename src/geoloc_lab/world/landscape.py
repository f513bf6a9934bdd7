# SPDX-License-Identifier: Apache-2.0
"""Plans a landscape from a seed: streets first, then every block, then cars and street trees."""

import cv2
import numpy as np

from geoloc.arrays import BoolArray, Float64Array, UInt8Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.countryside import fill_country
from geoloc_lab.world.noise import stream
from geoloc_lab.world.placing import Site
from geoloc_lab.world.streets import Lie, lay_out
from geoloc_lab.world.town_blocks import fill_town
from geoloc_lab.world.town_plan import Plan, RoadKind

_CELL_M = 0.5


def make_plan(seed: int, size_m: float) -> Plan:
    """Return the plan of a landscape; the same seed and size give the same plan."""
    plan = Plan(size_m)
    lie = Lie(seed, size_m)
    blocks = lay_out(plan, lie, seed)
    site = Site(plan, lie, stream(seed, "blocks"))
    for block in blocks:
        fill_town(site, block)
        fill_country(site, block)
    _street_life(plan, stream(seed, "street life"))
    _clear_ways(plan)
    return plan


def _street_life(plan: Plan, rng: np.random.Generator) -> None:
    """Plan cars at the kerb and on the road, and rows of trees along some streets and rivers."""
    for road in plan.roads:
        if road.kind <= RoadKind.LANE or len(road.points) < 3:
            continue
        points, ahead = geo.along(road.points, 7.5)
        side = np.stack([-ahead[:, 1], ahead[:, 0]], 1) * rng.choice([-1, 1], len(points))[:, None]
        kerb = road.kind == RoadKind.STREET
        lateral = road.width_m / 2 - 1.1 if kerb else road.width_m / 4
        angle = np.arctan2(ahead[:, 1], ahead[:, 0])
        chance = np.full(len(points), rng.choice([0.05, 0.2, 0.35]) if kerb else 0.06)
        plan.stalls.append(
            np.column_stack([points + side * lateral, angle, chance, np.full(len(points), 4.4)])
        )
        if rng.uniform() < 0.4:
            spots, ahead = geo.along(road.points, rng.uniform(8, 16))
            side = np.stack([-ahead[:, 1], ahead[:, 0]], 1)
            for sign in (-1, 1):
                _plant(plan, rng, spots + sign * side * (road.width_m / 2 + 1.6), (1.4, 3.2), 0.8)
    for river in plan.rivers:
        spots, ahead = geo.along(river.points, 5.0)
        side = np.stack([-ahead[:, 1], ahead[:, 0]], 1) * rng.choice([-1, 1], len(spots))[:, None]
        _plant(
            plan,
            rng,
            spots + side * (river.width_m / 2 + rng.uniform(2, 6, (len(spots), 1))),
            (1.5, 4.0),
            0.45,
        )


def _plant(
    plan: Plan, rng: np.random.Generator, points: Float64Array, radius_m: tuple[float, float], share: float
) -> None:
    points = points[rng.uniform(size=len(points)) < share]
    radius = rng.uniform(*radius_m, len(points))
    height = radius * rng.uniform(1.8, 2.6, len(points))
    plan.trees.append(
        np.column_stack([points, radius, height, np.zeros(len(points)), rng.uniform(size=len(points))])
    )


def _clear_ways(plan: Plan) -> None:
    """Remove buildings on roads or water, and trees and cars where they cannot stand."""
    hard = _ways_mask(plan, margin_m=1.0)
    plan.buildings = [
        b for b in plan.buildings if not _touches(hard, geo.densify(b.corners, 3.0, closed=True))
    ]
    roofs = np.zeros_like(hard)
    for building in plan.buildings:
        cv2.fillConvexPoly(roofs, np.round(building.corners / _CELL_M).astype(np.int32), 1)
    trees = np.vstack([np.empty((0, 6)), *plan.trees])
    plan.trees = [trees[~(_lookup(hard, trees[:, :2]) | _lookup(roofs, trees[:, :2]))]]
    stalls = np.vstack([np.empty((0, 5)), *plan.stalls])
    wet = _ways_mask(plan, margin_m=0.0, roads=False)
    plan.stalls = [stalls[~(_lookup(wet, stalls[:, :2]) | _lookup(roofs, stalls[:, :2]))]]


def _ways_mask(plan: Plan, margin_m: float, roads: bool = True) -> UInt8Array:
    side = int(np.ceil(plan.size_m / _CELL_M))
    mask = np.zeros((side, side), np.uint8)
    for way in [*(plan.roads if roads else []), *plan.rivers, *plan.railways]:
        thickness = max(1, round((way.width_m + 2 * margin_m) / _CELL_M))
        cv2.polylines(mask, [np.round(way.points / _CELL_M).astype(np.int32)], False, 1, thickness)
    for x, y, radius_m in plan.roundabouts:
        cv2.circle(
            mask, (round(x / _CELL_M), round(y / _CELL_M)), round((radius_m + margin_m) / _CELL_M), 1, -1
        )
    return mask


def _lookup(mask: UInt8Array, points: Float64Array) -> BoolArray:
    """Return (N,) True where points (N, 2) lie on the mask; False outside the raster."""
    cell = np.floor(points / _CELL_M).astype(int)
    inside = ((cell >= 0) & (cell < mask.shape[0])).all(1)
    cell = np.clip(cell, 0, mask.shape[0] - 1)
    return np.asarray(inside & (mask[cell[:, 1], cell[:, 0]] > 0), dtype=np.bool_)


def _touches(mask: UInt8Array, outline: Float64Array) -> bool:
    return bool(_lookup(mask, np.vstack([outline, outline.mean(0, keepdims=True)])).any())
