# SPDX-License-Identifier: Apache-2.0
"""`make_tiny`, which generates a valid tree in the layout of a data set."""

from collections.abc import Callable, Collection
from pathlib import Path

from geoloc.errors import ParameterError, RasterError
from geoloc_training.datasets.generate import drone_layouts, ground_layouts, gta_layout, map_layout
from geoloc_training.datasets.generate.places import Place, find_places
from geoloc_training.datasets.generate.scenes import Camera
from geoloc_training.datasets.generate.writing import Cast, write_text
from geoloc_training.datasets.published.sues200 import HEIGHTS_M

# Keys are the names of `datasets.published.registry`; a name for one split or height writes the whole tree.
LAYOUTS: dict[str, Callable[[Path, Cast], None]] = {
    "u1652": drone_layouts.write_university,
    "sues200": drone_layouts.write_sues200,
    "sues200_raw": drone_layouts.write_sues200_raw,
    **{f"sues200_{height}": drone_layouts.write_sues200 for height in HEIGHTS_M},
    "denseuav": drone_layouts.write_denseuav,
    "gta_uav": gta_layout.write_gta_uav,
    "gta_uav_same": gta_layout.write_gta_uav,
    "cvusa": ground_layouts.write_cvusa,
    "cvact": ground_layouts.write_cvact,
    "vigor": ground_layouts.write_vigor,
    "vigor_cross": ground_layouts.write_vigor,
    "map": map_layout.write_map,
}


def make_tiny(
    name: str,
    out: Path,
    imagery: Path | None = None,
    places: int | None = 12,
    seed: int = 0,
    *,
    size_px: int = 128,
    drone_views: int = 4,
    view_m: float = 90.0,
    yaw_deg: float = 10.0,
    offset_m: float = 12.0,
    scale: float = 0.12,
    appearance: float = 0.5,
    map_date: str | None = None,
    train_groups: Collection[str] = (),
    test_groups: Collection[str] = (),
    distractor_groups: Collection[str] = (),
    gsd_m: float | None = None,
) -> Path:
    """Write a valid tree in the layout of a data set, for tests, demos or studies.

    If a place has one date, its map and drone views show the same date. Such places of `test_groups` become
    distractors, so that no query equals its reference. `places.csv` in the tree lists the part of each place.

    Args:
        name: one of `LAYOUTS`.
        out: folder to write; it must be empty or not exist.
        imagery: folder of a multi-date set or of orthophotos; None for the procedural world.
        places: number of places, sampled at random; None for all.
        seed: random seed; the same seed and options give the same bytes.
        size_px: side of the images.
        drone_views: number of drone views of each place.
        view_m: width of a satellite image on the ground.
        yaw_deg: largest heading error of a drone view, in both directions.
        offset_m: largest offset of a drone view from the centre, east and south each.
        scale: largest relative change of a drone view's width on the ground.
        appearance: strength of the synthetic changes in drone views, 0..1; 0 keeps the imagery unchanged.
        map_date: date of the satellite images; None for the newest date of each place.
        train_groups: training cities; if empty and `test_groups` is not, all cities not named otherwise.
        test_groups: test cities; if empty, half of the places are training places, and three quarters of the
            rest queries, the others distractors.
        distractor_groups: cities whose places appear in the galleries only.
        gsd_m: metres per pixel of orthophotos.

    Returns:
        `out`.

    Raises:
        ParameterError: the layout is unknown, the folder is in use, an option is outside its range, or there
            are too few places.
        RasterError: the imagery cannot be read, or the tree cannot be written.
    """
    if name not in LAYOUTS:
        raise ParameterError(f"there is no layout '{name}'; choose one of {', '.join(LAYOUTS)}.")
    _refuse_used(out)
    camera = Camera(size_px, view_m, drone_views, yaw_deg, offset_m, scale, appearance, seed)
    parts = (tuple(train_groups), tuple(test_groups), tuple(distractor_groups))
    _refuse_shared(parts)
    wanted = {group for part in parts for group in part} if parts[0] else set()
    found = find_places(imagery, places, seed, wanted, map_date, gsd_m)
    cast = _by_group(found, parts, camera) if parts[1] else _by_share(found, camera)
    LAYOUTS[name](out, cast)
    write_text(out / "places.csv", _table(cast))
    return out


def _refuse_used(out: Path) -> None:
    try:
        used = out.exists() and (not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise RasterError(f"{out} cannot be listed ({error}); choose another folder.") from error
    if used:
        raise ParameterError(f"{out} is not an empty folder; remove it or choose another.")


def _refuse_shared(parts: tuple[tuple[str, ...], ...]) -> None:
    groups = [group for part in parts for group in set(part)]
    shared = sorted({group for group in groups if groups.count(group) > 1})
    if shared:
        raise ParameterError(
            f"{', '.join(shared)} has two parts; name a city in only one of train_groups, test_groups and "
            "distractor_groups."
        )
    if (parts[0] or parts[2]) and not parts[1]:
        raise ParameterError(
            "train_groups and distractor_groups need test_groups; name the cities to test on."
        )


def _by_group(found: list[Place], parts: tuple[tuple[str, ...], ...], camera: Camera) -> Cast:
    train, test, distractor = parts
    present = {place.group for place in found}
    missing = sorted({*train, *test, *distractor} - present)
    if missing:
        raise ParameterError(
            f"no place of {', '.join(missing)} was sampled, only of {', '.join(sorted(present))}; "
            "correct the group's name or ask for more places."
        )
    learn = set(train) or present - set(test) - set(distractor)
    tests = [place for place in found if place.group in test]
    return _checked(
        Cast(
            tuple(place for place in found if place.group in learn),
            tuple(place for place in tests if place.cross_date),
            tuple(p for p in found if p.group in distractor) + tuple(p for p in tests if not p.cross_date),
            camera,
        )
    )


def _by_share(found: list[Place], camera: Camera) -> Cast:
    learn = len(found) // 2
    looked_up = learn + max(1, (len(found) - learn) * 3 // 4)
    return _checked(
        Cast(tuple(found[:learn]), tuple(found[learn:looked_up]), tuple(found[looked_up:]), camera)
    )


def _checked(cast: Cast) -> Cast:
    if not cast.training or not cast.tests:
        raise ParameterError(
            f"{len(cast.training)} training and {len(cast.tests)} test places are too few; ask for more "
            "places, or name cities of several dates in test_groups."
        )
    return cast


def _table(cast: Cast) -> str:
    lines = ["part,place,group,latitude,longitude,map_date,drone_dates"]
    for part in ("training", "tests", "distractors"):
        for p in getattr(cast, part):
            where = f"{p.location.latitude_deg:.8f},{p.location.longitude_deg:.8f}"
            lines.append(f"{part},{p.name},{p.group},{where},{p.map_date},{' '.join(p.drone_dates)}")
    return "\n".join(lines) + "\n"
