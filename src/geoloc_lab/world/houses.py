# SPDX-License-Identifier: Apache-2.0
"""Plans residential blocks: on every lot a house near the street, a drive and a garden."""

from dataclasses import dataclass

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.lots import FLATS, TILES, Lot, Tone, cut_lots, draw_presence, shaded
from geoloc_lab.world.placing import Site
from geoloc_lab.world.town_plan import Block, Roof, Stroke, Surface, SurfacePatch

_GARDENS = (Surface.LAWN, Surface.LAWN, Surface.LAWN, Surface.MEADOW, Surface.GRAVEL, Surface.PAVING)
_DRIVES = (Surface.PAVING, Surface.CONCRETE, Surface.GRAVEL, Surface.ASPHALT)
_DEEPEST_M = 30.0


@dataclass(frozen=True)
class _Habit:
    """The common properties of the houses of a block: depth, front, distance from the street, tiles."""

    depth_m: float
    front_m: float
    setback_m: float
    tiles: tuple[Tone, Tone, Tone]


def fill_houses(site: Site, block: Block) -> None:
    """Cut a block into lots about 25 m wide, each with a house, its drive and its garden."""
    rng, plan = site.rng, site.plan
    tiles = (site.pick(TILES), site.pick(TILES), site.pick(TILES))
    habit = _Habit(rng.uniform(8.0, 10.5), rng.uniform(9.5, 14.5), rng.uniform(3.0, 8.0), tiles)
    for lot in cut_lots(geo.inset(block.outline, 6.0), rng, 480, 950):
        plan.patches.append(SurfacePatch(site.bent(lot.outline), site.pick(_GARDENS), site.tint(0.09)))
        if rng.uniform() < 0.55:
            plan.strokes.append(Stroke(site.bent(lot.outline, closed=True), 0.9, Surface.HEDGE, 1.4))
        elif rng.uniform() < 0.5:
            plan.strokes.append(Stroke(site.bent(lot.outline, closed=True), 0.35, Surface.CONCRETE, 1.0))
        if lot.street_m < _DEEPEST_M and rng.uniform() < 0.95:
            _house(site, lot, habit)
        _garden(site, lot)


def _house(site: Site, lot: Lot, habit: _Habit) -> None:
    """Plan a house facing the street, in half the cases with a wing or a garage."""
    rng = site.rng
    depth, front = (float(side * rng.normal(1, 0.07)) for side in (habit.depth_m, habit.front_m))
    shift = float(np.clip(lot.street_m - depth / 2 - habit.setback_m, -3, 8))
    centre = lot.centre + lot.outward * shift
    colour = site.pick(habit.tiles)
    presence = draw_presence(rng)
    roof = site.pick((Roof.GABLE, Roof.GABLE, Roof.GABLE, Roof.GABLE, Roof.HIP, Roof.HIP, Roof.FLAT))
    if rng.uniform() < 0.75:
        axis, length, width = lot.along, front, depth
    else:
        axis, length, width = lot.outward, depth * 1.15, front * 0.8
    site.build(centre, axis, length, width, rng.uniform(3.0, 6.0), roof, shaded(rng, colour), presence)
    if rng.uniform() < 0.45:
        side = lot.along * (front / 2 + 1.5) * site.pick((-1, 1)) - lot.outward * rng.uniform(-1, 4)
        wing, tone = site.pick(((Roof.FLAT, FLATS[1]), (Roof.GABLE, colour)))
        size = rng.uniform(5, 8), rng.uniform(3.5, 5)
        site.build(centre + side, lot.outward, *size, 2.8, wing, shaded(rng, tone), presence)
    _front_yard(site, lot, centre, depth, front)


def _front_yard(site: Site, lot: Lot, centre: Float64Array, depth_m: float, front_m: float) -> None:
    """Plan a drive to the street with a car on it, and a terrace behind the house."""
    rng, plan = site.rng, site.plan
    drive = centre + lot.along * rng.uniform(-0.4, 0.4) * front_m
    street = drive + lot.outward * (lot.street_m - float((centre - lot.centre) @ lot.outward) + 3.0)
    width_m = float(rng.uniform(2.4, 4.5))
    plan.strokes.append(Stroke(site.bent(np.stack([drive, street])), width_m, site.pick(_DRIVES)))
    if rng.uniform() < 0.7:
        site.stall(drive + lot.outward * (depth_m / 2 + 3.2), lot.outward, 0.55)
    if rng.uniform() < 0.6:
        behind = centre - lot.outward * (depth_m / 2 + 1.5)
        terrace = geo.rectangle(behind, lot.along, rng.uniform(4, 8), 3.5)
        plan.patches.append(SurfacePatch(site.bent(terrace), Surface.PAVING))


def _garden(site: Site, lot: Lot) -> None:
    """Plan trees, and sometimes a shed or a pool."""
    rng, plan = site.rng, site.plan
    size_m = float(np.sqrt(geo.area(lot.outline)))
    back = lot.centre - lot.outward * size_m * 0.25
    site.trees(
        lot.centre + rng.uniform(-0.42, 0.42, (rng.poisson(3.0), 2)) * size_m, (1.2, 4.0), conifers=0.2
    )
    if rng.uniform() < 0.35:
        spot = back + rng.uniform(-0.2, 0.2, 2) * size_m
        size = rng.uniform(2.5, 4.5), rng.uniform(2, 3.2)
        site.build(spot, lot.along, *size, 2.2, Roof.FLAT, shaded(rng, FLATS[2], 0.2), draw_presence(rng))
    if rng.uniform() < 0.09:
        spot = back + rng.uniform(-0.15, 0.15, 2) * size_m
        for grow_m, surface in ((3.0, Surface.PAVING), (0.0, Surface.POOL)):
            outline = geo.rectangle(spot, lot.along, 7.5 + grow_m, 3.8 + grow_m)
            plan.patches.append(SurfacePatch(site.bent(outline), surface))
