# SPDX-License-Identifier: Apache-2.0
"""Plans the blocks of a town by their use: street fronts, flats, works, car parks."""

from collections.abc import Callable

import numpy as np

from geoloc_lab.world import geometry as geo
from geoloc_lab.world.green_spaces import fill_allotments, fill_park, fill_sports
from geoloc_lab.world.houses import fill_houses
from geoloc_lab.world.lots import FLATS, HALLS, TILES, cut_lots, draw_presence, shaded
from geoloc_lab.world.placing import Site
from geoloc_lab.world.town_plan import ALWAYS, Block, Roof, Stroke, Surface, SurfacePatch, Use


def _fill_core(site: Site, block: Block) -> None:
    """Plan closed street fronts around courtyards."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(
        SurfacePatch(site.bent(land), site.pick((Surface.PAVING, Surface.CONCRETE, Surface.ASPHALT)))
    )
    for lot in cut_lots(land, rng, 180, 420):
        centre, axis, length, width = geo.oriented_box(lot.outline)
        if lot.street_m > 19 and rng.uniform() < 0.7:
            plan.patches.append(
                SurfacePatch(
                    site.bent(geo.inset(lot.outline, 1.0)),
                    site.pick((Surface.LAWN, Surface.PAVING, Surface.GRAVEL)),
                )
            )
            site.trees(centre + rng.normal(0, 3, (rng.integers(0, 4), 2)), (1.5, 3.5))
            continue
        roof = (Roof.GABLE, Roof.GABLE, Roof.HIP, Roof.FLAT)[int(rng.integers(4))]
        colour = shaded(rng, site.pick(FLATS if roof is Roof.FLAT else TILES))
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
    """Plan rows of flats on lawns, with parking between."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(SurfacePatch(site.bent(land), Surface.LAWN))
    colour = site.pick(FLATS)
    for lot in cut_lots(land, rng, 1500, 2900):
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
            shaded(rng, colour),
            draw_presence(rng),
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
    """Plan halls and yards with lorries and car parks."""
    rng, plan = site.rng, site.plan
    for lot in cut_lots(geo.inset(block.outline, 6.0), rng, 3200, 8000):
        yard = geo.inset(lot.outline, 1.5)
        if len(yard) < 3:
            continue
        surface = site.pick((Surface.CONCRETE, Surface.ASPHALT, Surface.GRAVEL))
        plan.patches += [
            SurfacePatch(site.bent(lot.outline), Surface.MEADOW),
            SurfacePatch(site.bent(yard), surface, site.tint(0.08)),
        ]
        centre, axis, length, width = geo.oriented_box(lot.outline)
        side = np.array([-axis[1], axis[0]])
        colour = shaded(rng, site.pick(HALLS))
        site.build(
            centre + side * width * 0.1,
            axis,
            length * rng.uniform(0.45, 0.72),
            width * rng.uniform(0.4, 0.6),
            rng.uniform(6, 12),
            Roof.FLAT if rng.uniform() < 0.7 else Roof.GABLE,
            colour,
            draw_presence(rng),
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
                shaded(rng, HALLS[2]),
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
    """Plan a supermarket with its rows of parked cars."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.5)
    if len(land) < 3:
        return
    plan.patches.append(SurfacePatch(site.bent(land), Surface.ASPHALT, site.tint(0.08)))
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
        shaded(rng, site.pick(HALLS[:4])),
        ALWAYS,
    )
    for row in np.arange(-width * 0.40, width * (0.34 - share), 17.0):
        site.parking(centre + side * row, axis, length * 0.78, rows=2)
        site.trees(centre + side * row + axis * length * np.linspace(-0.37, 0.37, 5)[:, None], (1.2, 2.0))


_FILLERS: dict[Use, Callable[[Site, Block], None]] = {
    Use.HOUSES: fill_houses,
    Use.CORE: _fill_core,
    Use.FLATS: _fill_flats,
    Use.WORKS: _fill_works,
    Use.CARPARK: _fill_carpark,
    Use.PARK: fill_park,
    Use.SPORTS: fill_sports,
    Use.ALLOTMENTS: fill_allotments,
}


def fill_town(site: Site, block: Block) -> None:
    """Fill a town block by its use; leave blocks of open country unchanged."""
    filler = _FILLERS.get(block.use)
    if filler is not None:
        filler(site, block)
