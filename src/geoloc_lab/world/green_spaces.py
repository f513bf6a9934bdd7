# SPDX-License-Identifier: Apache-2.0
"""Plans the green blocks of a town: parks with paths and ponds, sports grounds, allotment gardens."""

import numpy as np

from geoloc.arrays import Float64Array
from geoloc_lab.world import geometry as geo
from geoloc_lab.world.placing import Site
from geoloc_lab.world.town_plan import Block, Roof, Stroke, Surface, SurfacePatch


def blob(rng: np.random.Generator, centre: Float64Array, radius_m: float) -> Float64Array:
    """Return a rounded irregular outline (40, 2), such as that of a pond."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = np.ones(40)
    for order in (2, 3, 5):
        radius += rng.normal(0, 0.22 / order**0.5) * np.cos(order * angle + rng.uniform(0, 6.3))
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.asarray(centre + radius_m * np.clip(radius, 0.3, 2)[:, None] * circle, dtype=np.float64)


def scatter(rng: np.random.Generator, outline: Float64Array, spacing_m: float) -> Float64Array:
    """Return points (N, 2) in a convex outline on a jittered grid of the given spacing."""
    low, high = outline.min(0), outline.max(0)
    x, y = np.meshgrid(np.arange(low[0], high[0], spacing_m), np.arange(low[1], high[1], spacing_m))
    points = np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(-0.45, 0.45, (x.size, 2)) * spacing_m
    starts, inward = geo.edges(outline)
    depth = np.min(np.sum((points[:, None] - starts) * inward, 2), 1)
    return np.asarray(points[depth > 0], dtype=np.float64)


def fill_park(site: Site, block: Block) -> None:
    """Plan a lawn with crossing paths, groups of trees, and perhaps a pond."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.0)
    if len(land) < 3:
        return
    plan.patches.append(SurfacePatch(site.bent(land), Surface.LAWN, site.tint(0.05)))
    centre, _, length, width = geo.oriented_box(land)
    points = scatter(rng, land, rng.uniform(9, 14))
    if rng.uniform() < 0.6:
        pond = blob(rng, centre + rng.normal(0, 6, 2), width * rng.uniform(0.12, 0.22))
        plan.patches += [
            SurfacePatch(site.bent(centre + (pond - centre) * 1.12), Surface.GRAVEL),
            SurfacePatch(site.bent(pond), Surface.WATER),
        ]
        points = points[np.linalg.norm(points - centre, axis=1) > width * 0.33]
    corners = land[rng.permutation(len(land))[:4]]
    for start, end in zip(corners, np.roll(corners, -1, 0), strict=True):
        through = centre + rng.normal(0, 0.12, 2) * length
        curve = np.array(
            [(1 - t) ** 2 * start + 2 * t * (1 - t) * through + t**2 * end for t in np.linspace(0, 1, 14)]
        )
        plan.strokes.append(Stroke(site.bent(curve), float(rng.uniform(1.8, 3.2)), Surface.GRAVEL))
    clump = np.sin(points[:, 0] / 17 + rng.uniform(0, 6)) * np.sin(points[:, 1] / 21 + rng.uniform(0, 6))
    site.trees(points[clump > rng.uniform(-0.4, 0.1)], (2.4, 5.5))


def fill_sports(site: Site, block: Block) -> None:
    """Plan a pitch with its lines, perhaps a running track, and courts where there is room."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.0)
    if len(land) < 3:
        return
    plan.patches.append(SurfacePatch(site.bent(land), Surface.LAWN, site.tint(0.05)))
    centre, axis, length, width = geo.oriented_box(land)
    side = np.array([-axis[1], axis[0]])
    long_m, wide_m = min(length * 0.62, 105), min(width * 0.66, 68)
    pitch = centre - axis * length * 0.12
    if rng.uniform() < 0.5:
        for grow, surface in ((16, Surface.TARTAN), (0, Surface.TURF)):
            plan.patches.append(
                SurfacePatch(site.bent(_stadium(pitch, axis, long_m + grow, wide_m + grow)), surface)
            )
    plan.patches.append(SurfacePatch(site.bent(geo.rectangle(pitch, axis, long_m, wide_m)), Surface.TURF))
    _mark_pitch(site, pitch, axis, long_m, wide_m)
    at = centre + axis * (length * 0.5 - 22)
    for court in np.arange(-width * 0.32, width * 0.3, 19.0):
        outline = geo.rectangle(at + side * court, axis, 34, 16)
        plan.patches.append(
            SurfacePatch(site.bent(outline), site.pick((Surface.TARTAN, Surface.ASPHALT)), site.tint(0.1))
        )
        plan.strokes.append(
            Stroke(
                site.bent(geo.rectangle(at + side * court, axis, 23.8, 11), closed=True), 0.2, Surface.PAINT
            )
        )
    site.build(pitch + side * (wide_m / 2 + 7), axis, 26, 7, 5, Roof.FLAT, (170.0, 170.0, 172.0))
    rim = geo.densify(geo.inset(land, 3), 11, closed=True)
    site.trees(rim[rng.uniform(size=len(rim)) < 0.6], (2, 4))


def _stadium(centre: Float64Array, axis: Float64Array, length_m: float, width_m: float) -> Float64Array:
    angle = np.linspace(-np.pi / 2, np.pi / 2, 12)
    end = np.stack(
        [np.cos(angle) * width_m / 2 + length_m / 2 - width_m * 0.25, np.sin(angle) * width_m / 2], 1
    )
    local = np.vstack([end, -end])
    return np.asarray(centre + local @ np.stack([axis, [-axis[1], axis[0]]]), dtype=np.float64)


def _mark_pitch(site: Site, centre: Float64Array, axis: Float64Array, long_m: float, wide_m: float) -> None:
    side = np.array([-axis[1], axis[0]])
    angle = np.linspace(0, 2 * np.pi, 24)
    ring = centre + 9.15 * np.stack([np.cos(angle), np.sin(angle)], 1)
    lines = [
        site.bent(geo.rectangle(centre, axis, long_m - 5, wide_m - 5), closed=True),
        site.bent(centre + side * np.array([[-0.5], [0.5]]) * (wide_m - 5)),
        site.bent(ring),
    ]
    for sign in (-1, 1):
        box = centre + sign * axis * (long_m / 2 - 2.5 - 8)
        lines.append(site.bent(geo.rectangle(box, axis, 16, min(40, wide_m * 0.6)), closed=True))
    site.plan.strokes += [Stroke(line, 0.22, Surface.PAINT) for line in lines]


def fill_allotments(site: Site, block: Block) -> None:
    """Plan small plots, each with its beds and shed."""
    rng, plan = site.rng, site.plan
    land = geo.inset(block.outline, 6.0)
    if len(land) < 3:
        return
    plan.patches.append(SurfacePatch(site.bent(land), Surface.GRAVEL))
    surfaces = [Surface.LAWN, Surface.SOIL, Surface.GREENCROP, Surface.MEADOW]
    plots, _ = geo.partition(land, rng, lambda _: float(rng.uniform(140, 300)))
    for plot in plots:
        bed = geo.inset(plot, 0.8)
        if len(bed) < 3:
            continue
        plan.patches.append(SurfacePatch(site.bent(bed), site.pick(surfaces), site.tint(0.12)))
        centre, axis, length, width = geo.oriented_box(bed)
        for row in rng.uniform(-0.4, 0.4, rng.integers(0, 4)):
            line = (
                centre
                + np.array([-axis[1], axis[0]]) * row * width
                + axis * np.array([[-0.4], [0.4]]) * length
            )
            plan.strokes.append(Stroke(site.bent(line), 1.0, site.pick((Surface.SOIL, Surface.GREENCROP))))
        if rng.uniform() < 0.7:
            site.build(centre + axis * length * 0.3, axis, 3.6, 2.8, 2.2, Roof.GABLE, (130.0, 112.0, 96.0))
        site.trees(centre + rng.normal(0, 4, (rng.integers(0, 3), 2)), (0.9, 2.0))
