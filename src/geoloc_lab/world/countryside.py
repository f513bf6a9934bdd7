# SPDX-License-Identifier: Apache-2.0
"""Plans the blocks of open country: fields with hedgerows, meadows, woods, orchards, farmsteads."""

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.green_spaces import blob, scatter
from geoloc_lab.world.placing import Site
from geoloc_lab.world.town_plan import Block, Field, Roof, Stroke, Surface, SurfacePatch, Use

_CROPS = (
    Surface.CEREAL,
    Surface.CEREAL,
    Surface.GREENCROP,
    Surface.GREENCROP,
    Surface.RAPESEED,
    Surface.STUBBLE,
    Surface.SOIL,
)
_KEPT_CROP = 0.35
_BARNS = ((150.0, 92.0, 76.0), (132.0, 84.0, 72.0), (140.0, 136.0, 132.0), (112.0, 108.0, 106.0))


def fill_country(site: Site, block: Block) -> None:
    """Fill a block of open country by its use."""
    land = geo.inset(block.outline, 3.0)
    if len(land) < 3:
        return
    if block.use is Use.FIELD:
        _field(site, land)
    elif block.use is Use.MEADOW:
        _meadow(site, land)
    elif block.use is Use.WOOD:
        _wood(site, land)
    elif block.use is Use.ORCHARD:
        _orchard(site, land)
    elif block.use is Use.FARM:
        _farm(site, land)
    _hedgerow(site, land)


def _field(site: Site, land: Float64Array) -> None:
    """Plan strips of one or several crops, worked along the long side."""
    rng = site.rng
    strips = [land]
    if rng.uniform() < 0.45:
        strips, _ = geo.partition(land, rng, lambda _: float(rng.uniform(4e3, 20e3)), skew_rad=0.02)
    for strip in strips:
        outline = geo.inset(strip, rng.uniform(0.3, 1.5))
        if len(outline) < 3:
            continue
        centre, axis, _, _ = geo.oriented_box(outline)
        turned = site.lie.turn(centre, axis)
        first = site.pick(_CROPS)
        later = tuple(first if rng.uniform() < _KEPT_CROP else site.pick(_CROPS) for _ in range(3))
        site.plan.fields.append(
            Field(
                site.bent(outline),
                float(np.arctan2(turned[1], turned[0])),
                float(rng.choice([12.0, 18.0, 24.0])),
                (first, *later),
                int(rng.integers(2**31)),
            )
        )
    if rng.uniform() < 0.25:
        island = land.mean(0) + rng.normal(0, 0.15, 2) * np.ptp(land, axis=0)
        site.trees(island + rng.normal(0, 5, (rng.integers(1, 9), 2)), (2, 5))


def _meadow(site: Site, land: Float64Array) -> None:
    rng = site.rng
    site.plan.patches.append(SurfacePatch(site.bent(land), Surface.MEADOW, site.tint(0.08)))
    for _ in range(rng.integers(1, 5)):
        spot = land.mean(0) + rng.normal(0, 0.18, 2) * np.ptp(land, axis=0)
        site.plan.patches.append(
            SurfacePatch(site.bent(blob(rng, spot, rng.uniform(5, 22))), Surface.MEADOW, site.tint(0.16))
        )
    if rng.uniform() < 0.4:
        pond = blob(rng, land.mean(0), rng.uniform(6, 24))
        site.plan.patches += [
            SurfacePatch(site.bent(land.mean(0) + (pond - land.mean(0)) * 1.15), Surface.DIRT),
            SurfacePatch(site.bent(pond), Surface.WATER),
        ]
        site.trees(pond[rng.uniform(size=len(pond)) < 0.35] + rng.normal(0, 3, 2), (1.5, 3.5))
    points = scatter(rng, land, 16)
    site.trees(points[rng.uniform(size=len(points)) < 0.15], (1.5, 4))
    path = np.stack([land[0], land.mean(0) + rng.normal(0, 12, 2), land[len(land) // 2]])
    site.plan.strokes.append(Stroke(site.bent(path), 1.4, Surface.DIRT))


def _wood(site: Site, land: Float64Array) -> None:
    rng = site.rng
    site.plan.patches.append(SurfacePatch(site.bent(land), Surface.WOODFLOOR))
    conifers = float(rng.choice([0.05, 0.3, 0.95]))
    points = scatter(rng, land, rng.uniform(4.2, 5.6))
    glades = land.mean(0) + rng.normal(0, 0.25, (rng.integers(1, 5), 2)) * np.ptp(land, axis=0)
    clearing_m = rng.uniform(7, 20, len(glades))
    open_sky = (np.linalg.norm(points[:, None] - glades, axis=2) < clearing_m).any(1)
    site.trees(points[~open_sky & (rng.uniform(size=len(points)) < 0.94)], (1.8, 4.4), conifers)
    ride = np.stack([land[0], land.mean(0) + rng.normal(0, 15, 2), land[len(land) // 2]])
    site.plan.strokes.append(Stroke(site.bent(ride), 3.0, Surface.DIRT))


def _orchard(site: Site, land: Float64Array) -> None:
    rng = site.rng
    site.plan.patches.append(SurfacePatch(site.bent(land), Surface.MEADOW, site.tint(0.06)))
    centre, axis, length, width = geo.oriented_box(land)
    row_m, tree_m = rng.uniform(5, 9), rng.uniform(3.5, 7)
    u, v = np.meshgrid(np.arange(-length / 2, length / 2, tree_m), np.arange(-width / 2, width / 2, row_m))
    points = centre + np.stack([u.ravel(), v.ravel()], 1) @ np.stack([axis, [-axis[1], axis[0]]])
    points = points[rng.uniform(size=len(points)) < 0.9] + 0.0
    starts, inward = geo.edges(geo.inset(land, 4) if len(geo.inset(land, 4)) else land)
    inside = np.min(np.sum((points[:, None] - starts) * inward, 2), 1) > 0
    site.trees(points[inside] + rng.normal(0, 0.3, (int(inside.sum()), 2)), (1.2, 2.2), conifers=0.0)


def _farm(site: Site, land: Float64Array) -> None:
    """Plan a yard with barns and a dwelling, and a field in the rest of the block."""
    rng, plan = site.rng, site.plan
    _field(site, land)
    corner = land[int(rng.integers(len(land)))]
    centre = corner + (land.mean(0) - corner) * 0.35
    _, axis, _, _ = geo.oriented_box(land)
    side = np.array([-axis[1], axis[0]])
    plan.patches.append(
        SurfacePatch(site.bent(geo.rectangle(centre, axis, 82, 66)), Surface.MEADOW, site.tint(0.06))
    )
    plan.patches.append(SurfacePatch(site.bent(geo.rectangle(centre, axis, 50, 38)), Surface.GRAVEL))
    plan.strokes.append(Stroke(site.bent(np.stack([centre, corner])), 3.5, Surface.GRAVEL))
    for u, v, long_m, wide_m in ((-18, 14, 34, 14), (20, 10, 26, 12), (-4, -17, 15, 10), (22, -16, 18, 18)):
        if rng.uniform() < 0.85:
            shift = rng.normal(0, 2.5, 2)
            colour = site.pick(_BARNS)
            site.build(
                centre + axis * (u + shift[0]) + side * (v + shift[1]),
                axis if rng.uniform() < 0.6 else side,
                long_m,
                wide_m,
                5.0,
                Roof.GABLE,
                colour,
            )
    site.stall(centre, axis, 0.8, 6.0)
    site.trees(centre + rng.normal(0, 24, (rng.integers(5, 14), 2)), (2, 4.5))


def _hedgerow(site: Site, land: Float64Array) -> None:
    rng = site.rng
    for start, end in zip(land, np.roll(land, -1, 0), strict=True):
        if rng.uniform() < 0.42:
            line = geo.densify(np.stack([start, end]), 4.0)
            keep = line[rng.uniform(size=len(line)) < rng.choice([0.25, 0.6, 0.95])]
            site.trees(keep + rng.normal(0, 0.5, keep.shape), (1.0, 3.0), conifers=0.03)
