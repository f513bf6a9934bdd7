# SPDX-License-Identifier: Apache-2.0
"""Blocks of a town filled in: lots with houses and gardens, flats, works, car parks, parks and pitches."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from geoloc.simulation import geometry as geo
from geoloc.simulation.leisure import fill_allotments, fill_park, fill_sports
from geoloc.simulation.noise import Floats
from geoloc.simulation.plan import (
    ALWAYS,
    ONLY_FIRST,
    ONLY_LATER,
    Block,
    Patch,
    Roof,
    Stroke,
    Surface,
    Use,
)
from geoloc.simulation.site import Site

_CHANGED_SHARE = 0.04
_TILES = (
    (168, 92, 70),
    (150, 78, 62),
    (122, 84, 72),
    (108, 100, 96),
    (90, 88, 92),
    (140, 112, 92),
    (176, 120, 88),
)
_FLATS = (
    (176, 174, 170),
    (150, 150, 152),
    (120, 120, 122),
    (200, 198, 194),
    (214, 212, 206),
    (136, 128, 118),
)
_HALLS = (
    (206, 208, 208),
    (176, 182, 188),
    (150, 152, 156),
    (122, 140, 164),
    (190, 184, 172),
    (164, 120, 104),
)
_GARDENS = (Surface.LAWN, Surface.LAWN, Surface.LAWN, Surface.MEADOW, Surface.GRAVEL, Surface.PAVING)


@dataclass(frozen=True)
class _Lot:
    """A lot of a block: outline, distance to the street, direction to it (unit) and of it (unit)."""

    outline: Floats
    centre: Floats
    street_m: float
    outward: Floats

    @property
    def along(self) -> Floats:
        return np.array([-self.outward[1], self.outward[0]])


def _lots(land: Floats, rng: np.random.Generator, low_m2: float, high_m2: float) -> list[_Lot]:
    if len(land) < 3:
        return []
    cells, _ = geo.partition(land, rng, lambda _: float(rng.uniform(low_m2, high_m2)), skew_rad=0.03)
    starts, inward = geo.edges(land)
    lots = []
    for cell in cells:
        centre = cell.mean(0)
        distance = np.sum((centre - starts) * inward, 1)
        nearest = int(np.argmin(distance))
        lots.append(_Lot(cell, centre, float(distance[nearest]), -inward[nearest]))
    return lots


def _presence(rng: np.random.Generator) -> int:
    return int(
        rng.choice(
            [ALWAYS, ONLY_FIRST, ONLY_LATER], p=[1 - _CHANGED_SHARE, _CHANGED_SHARE / 2, _CHANGED_SHARE / 2]
        )
    )


def _shade(
    rng: np.random.Generator, colour: tuple[int, int, int], spread: float = 0.1
) -> tuple[float, float, float]:
    factor = rng.normal(1, spread) * rng.normal(1, spread / 4, 3)
    r, g, b = np.clip(np.array(colour) * factor, 30, 245)
    return float(r), float(g), float(b)


def _fill_houses(site: Site, block: Block) -> None:
    """Lots about 20 m wide, a house near the street, a drive, a garden with hedges, sheds, pools and trees."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.0)
    roof_habit = rng.integers(0, len(_TILES), 3)
    size_m = rng.uniform(8.0, 10.5), rng.uniform(9.5, 14.5)
    setback_m = rng.uniform(3.0, 8.0)
    for lot in _lots(land, rng, 480, 950):
        surface = _GARDENS[int(rng.integers(len(_GARDENS)))]
        tint = rng.normal(1, 0.09) * rng.normal(1, 0.03, 3)
        plan.patches.append(Patch(site.bent(lot.outline), surface, tuple(tint)))
        if rng.uniform() < 0.55:
            plan.strokes.append(Stroke(site.bent(lot.outline, closed=True), 0.9, Surface.HEDGE, 1.4))
        elif rng.uniform() < 0.5:
            plan.strokes.append(Stroke(site.bent(lot.outline, closed=True), 0.35, Surface.CONCRETE, 1.0))
        if lot.street_m < 30 and rng.uniform() < 0.95:
            _house(site, lot, size_m, setback_m, _TILES[int(rng.choice(roof_habit))])
        _garden(site, lot)


def _house(
    site: Site, lot: _Lot, size_m: tuple[float, float], setback_m: float, colour: tuple[int, int, int]
) -> None:
    rng = site.rng
    depth, front = np.array(size_m) * rng.normal(1, 0.07, 2)
    shift = float(np.clip(lot.street_m - depth / 2 - setback_m, -3, 8))
    centre = lot.centre + lot.outward * shift
    ridge_along = rng.uniform() < 0.75
    axis, length, width = (
        (lot.along, front, depth) if ridge_along else (lot.outward, depth * 1.15, front * 0.8)
    )
    roof = Roof.GABLE if rng.uniform() < 0.68 else (Roof.HIP if rng.uniform() < 0.75 else Roof.FLAT)
    presence = _presence(rng)
    eave_m = rng.uniform(3.0, 6.0)
    site.build(centre, axis, length, width, eave_m, roof, _shade(rng, colour), presence)
    if rng.uniform() < 0.45:  # a wing or a garage
        offset = lot.along * (front / 2 + 1.5) * rng.choice([-1, 1]) - lot.outward * rng.uniform(-1, 4)
        site.build(
            centre + offset,
            lot.outward,
            rng.uniform(5, 8),
            rng.uniform(3.5, 5),
            2.8,
            Roof.FLAT if rng.uniform() < 0.5 else Roof.GABLE,
            _shade(rng, _FLATS[1] if rng.uniform() < 0.5 else colour),
            presence,
        )
    drive = centre + lot.along * rng.uniform(-0.4, 0.4) * front
    end = drive + lot.outward * (lot.street_m - shift + 3.0)
    surface = rng.choice([Surface.PAVING, Surface.CONCRETE, Surface.GRAVEL, Surface.ASPHALT])
    site.plan.strokes.append(
        Stroke(site.bent(np.stack([drive, end])), float(rng.uniform(2.4, 4.5)), Surface(surface))
    )
    if rng.uniform() < 0.7:
        site.stall(drive + lot.outward * (depth / 2 + 3.2), lot.outward, 0.55)
    if rng.uniform() < 0.6:
        terrace = geo.rectangle(centre - lot.outward * (depth / 2 + 1.5), lot.along, rng.uniform(4, 8), 3.5)
        site.plan.patches.append(Patch(site.bent(terrace), Surface.PAVING))


def _garden(site: Site, lot: _Lot) -> None:
    rng = site.rng
    size = np.sqrt(geo.area(lot.outline))
    back = lot.centre - lot.outward * size * 0.25
    count = rng.poisson(3.0)
    site.trees(lot.centre + rng.uniform(-0.42, 0.42, (count, 2)) * size, (1.2, 4.0), conifers=0.2)
    if rng.uniform() < 0.35:
        spot = back + rng.uniform(-0.2, 0.2, 2) * size
        site.build(
            spot,
            lot.along,
            rng.uniform(2.5, 4.5),
            rng.uniform(2, 3.2),
            2.2,
            Roof.FLAT,
            _shade(rng, _FLATS[2], 0.2),
            _presence(rng),
        )
    if rng.uniform() < 0.09:
        pool = geo.rectangle(
            back + rng.uniform(-0.15, 0.15, 2) * size, lot.along, rng.uniform(6, 9), rng.uniform(3, 4.5)
        )
        rim = geo.rectangle(pool.mean(0), lot.along, 11, 6.5)
        site.plan.patches += [Patch(site.bent(rim), Surface.PAVING), Patch(site.bent(pool), Surface.POOL)]


def _fill_core(site: Site, block: Block) -> None:
    """Closed street fronts around courtyards."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(
        Patch(site.bent(land), rng.choice([Surface.PAVING, Surface.CONCRETE, Surface.ASPHALT]))
    )
    for lot in _lots(land, rng, 180, 420):
        centre, axis, length, width = geo.oriented_box(lot.outline)
        if lot.street_m > 19 and rng.uniform() < 0.7:
            plan.patches.append(
                Patch(
                    site.bent(geo.inset(lot.outline, 1.0)),
                    rng.choice([Surface.LAWN, Surface.PAVING, Surface.GRAVEL]),
                )
            )
            site.trees(centre + rng.normal(0, 3, (rng.integers(0, 4), 2)), (1.5, 3.5))
            continue
        roof = Roof(rng.choice([Roof.GABLE, Roof.GABLE, Roof.HIP, Roof.FLAT]))
        colour = _shade(rng, (_FLATS if roof is Roof.FLAT else _TILES)[int(rng.integers(6))])
        site.build(
            centre,
            axis,
            length * 0.95,
            width * rng.uniform(0.8, 0.96),
            rng.uniform(7, 14),
            roof,
            colour,
            ALWAYS,
        )


def _fill_flats(site: Site, block: Block) -> None:
    """Slabs of flats in rows on lawns, with parking between."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(Patch(site.bent(land), Surface.LAWN))
    colour = _FLATS[int(rng.integers(len(_FLATS)))]
    for lot in _lots(land, rng, 1500, 2900):
        centre, axis, length, width = geo.oriented_box(lot.outline)
        side = np.array([-axis[1], axis[0]])
        if min(length, width) < 20:
            continue
        roof = Roof.FLAT if rng.uniform() < 0.7 else Roof.HIP
        site.build(
            centre + side * width * 0.12,
            axis,
            length * rng.uniform(0.6, 0.8),
            rng.uniform(11, 14),
            rng.uniform(9, 19),
            roof,
            _shade(rng, colour),
            _presence(rng),
        )
        site.parking(centre - side * width * 0.30, axis, length * 0.62, rows=1)
        path = np.stack([centre - side * width / 2, centre + side * width / 2]) + axis * length * 0.42
        plan.strokes.append(Stroke(site.bent(path), 2.0, Surface.PAVING))
        site.trees(
            centre
            + rng.uniform(-0.5, 0.5, (rng.integers(3, 9), 2)) @ np.stack([axis * length, side * width]),
            (2, 4.2),
        )


def _fill_works(site: Site, block: Block) -> None:
    """Halls and yards, lorries and car parks."""
    rng, plan = site.rng, site.plan
    for lot in _lots(geo.inset(block.outline, 6.0), rng, 3200, 8000):
        yard = geo.inset(lot.outline, 1.5)
        if len(yard) < 3:
            continue
        surface = rng.choice([Surface.CONCRETE, Surface.ASPHALT, Surface.GRAVEL])
        plan.patches += [
            Patch(site.bent(lot.outline), Surface.MEADOW),
            Patch(site.bent(yard), Surface(surface), site.tint(0.08)),
        ]
        centre, axis, length, width = geo.oriented_box(lot.outline)
        side = np.array([-axis[1], axis[0]])
        colour = _shade(rng, _HALLS[int(rng.integers(len(_HALLS)))])
        site.build(
            centre + side * width * 0.1,
            axis,
            length * rng.uniform(0.45, 0.72),
            width * rng.uniform(0.4, 0.6),
            rng.uniform(6, 12),
            Roof.FLAT if rng.uniform() < 0.7 else Roof.GABLE,
            colour,
            _presence(rng),
        )
        if rng.uniform() < 0.5:
            end = centre + axis * length * 0.38 - side * width * 0.1
            site.build(
                end,
                side,
                width * 0.35,
                length * 0.12,
                rng.uniform(4, 8),
                Roof.FLAT,
                _shade(rng, _HALLS[2]),
                ALWAYS,
            )
        site.parking(centre - side * width * 0.36, axis, length * 0.7, rows=1)
        for spot in rng.uniform(-0.4, 0.4, (rng.integers(1, 7), 2)) @ np.stack([axis * length, side * width]):
            site.stall(
                centre + spot,
                axis if rng.uniform() < 0.6 else side,
                0.5,
                length_m=float(rng.choice([7.0, 12.0, 15.0])),
            )


def _fill_carpark(site: Site, block: Block) -> None:
    """A supermarket and its rows of parked cars."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(Patch(site.bent(land), Surface.ASPHALT, site.tint(0.08)))
    centre, axis, length, width = geo.oriented_box(land)
    side = np.array([-axis[1], axis[0]])
    share = rng.uniform(0.25, 0.4)
    site.build(
        centre + side * width * (0.46 - share / 2),
        axis,
        length * rng.uniform(0.5, 0.8),
        width * share,
        rng.uniform(5, 8),
        Roof.FLAT,
        _shade(rng, _HALLS[int(rng.integers(4))]),
        ALWAYS,
    )
    for row in np.arange(-width * 0.40, width * (0.34 - share), 17.0):
        site.parking(centre + side * row, axis, length * 0.78, rows=2)
        site.trees(centre + side * row + axis * length * np.linspace(-0.37, 0.37, 5)[:, None], (1.2, 2.0))


_FILLERS: dict[Use, Callable[[Site, Block], None]] = {
    Use.HOUSES: _fill_houses,
    Use.CORE: _fill_core,
    Use.FLATS: _fill_flats,
    Use.WORKS: _fill_works,
    Use.CARPARK: _fill_carpark,
    Use.PARK: fill_park,
    Use.SPORTS: fill_sports,
    Use.ALLOTMENTS: fill_allotments,
}


def fill_town(site: Site, block: Block) -> None:
    """Fill a town block by its use; blocks of the open country are left alone."""
    filler = _FILLERS.get(block.use)
    if filler is not None:
        filler(site, block)
