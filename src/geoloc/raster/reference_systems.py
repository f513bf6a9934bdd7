# SPDX-License-Identifier: Apache-2.0
"""Coordinate reference systems of imagery: whether they have a place on Earth, and how well it is known."""

import warnings
from dataclasses import dataclass
from typing import Any

from pyproj import CRS, Transformer
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_crs_info
from pyproj.enums import PJType
from pyproj.exceptions import CRSError, ProjError
from pyproj.transformer import TransformerGroup

from geoloc.errors import RasterError
from geoloc.geodesy import distance_m

_WGS84 = CRS.from_epsg(4326)
_ACCURATE_M = 10.0
_AROUND_DEG = 0.01
_BALLPARK = "Ballpark"  # PROJ's word for an operation that ignores the datum
_SAME_ELLIPSOID_M = 0.01
_SAME_AXIS_M = 1.0
_SATELLITE_DATUMS_M = 2.0  # by as much differ the datums of GRS 80 and WGS 84


def parse_crs(text: str) -> CRS:
    """Return the pyproj CRS of `EPSG:…`, WKT or a PROJ string.

    Raises:
        RasterError: if PROJ does not know the text.
    """
    try:
        return CRS.from_user_input(text)
    except CRSError as error:
        raise RasterError(
            f"{text!r} is not a coordinate reference system; give one such as EPSG:32615."
        ) from error


def check_on_earth(crs: CRS, name: str) -> None:
    """Check that a reference system places points on the Earth's surface.

    Args:
        crs: reference system of an image.
        name: name of the image, for the message.

    Raises:
        RasterError: if the system is a local (engineering) one, of another planet, or not of the surface, or
            if it needs a grid that is not installed.
    """
    remedy = (
        f"if its coordinates are those of another system, write that to the file with "
        f"`gdal_edit.py -a_srs EPSG:… {name}`, else georeference the image with control points"
    )
    surface = _surface(crs)
    if not (surface.is_geographic or surface.is_projected):
        kind = (
            "local (engineering)"
            if surface.is_engineering
            else surface.type_name.removesuffix(" CRS").lower()
        )
        raise RasterError(
            f"{name} is in the {kind} reference system '{crs.name}', which has no place on Earth; {remedy}."
        )
    missing = _missing_grid(surface)
    if missing:
        raise RasterError(
            f"{name} is in a reference system that needs the grid {missing}, which is not installed; run "
            f"`projsync --file {missing}`, or warp the image to EPSG:4326 where the grid is installed."
        )
    try:
        Transformer.from_crs(crs, _WGS84, always_xy=True)
    except ProjError as error:
        raise RasterError(
            f"{name} is in the reference system '{crs.name}', which PROJ cannot place on Earth; {remedy}."
        ) from error


def position_note(crs: CRS, latitude_deg: float, longitude_deg: float, name: str) -> str | None:
    """Return a sentence about the error that PROJ's transformation to WGS 84 adds; None if it is small.

    PROJ states an accuracy for each known transformation. A system without datum has none: PROJ then takes
    its latitudes for those of WGS 84. The sentence gives the metres at stake, those of the datums that use
    the same ellipsoid at this place.

    Args:
        crs: reference system that passed `check_on_earth`.
        latitude_deg: WGS 84 latitude of the image.
        longitude_deg: WGS 84 longitude of the image.
        name: name of the image, for the sentence.
    """
    place = _Place(latitude_deg, longitude_deg)
    surface = _surface(crs)
    if surface.is_bound:
        return _datum_note(surface, place, name) if _shifts_by_nothing(surface) else None
    # Without the projection, whose accuracy some versions of PROJ call unknown.
    group = _operations(surface.geodetic_crs or surface, place)
    used = next(iter(group.transformers), None)
    if used is None or _BALLPARK in used.description or used.accuracy < 0:
        return _datum_note(surface, place, name)
    if used.accuracy <= _ACCURATE_M:
        return None
    return (
        f"{name}: PROJ knows its reference system, {crs.name}, to {used.accuracy:.0f} m here, so all "
        f"positions of the map may be wrong by as much{_better(group, used.accuracy)}."
    )


@dataclass(frozen=True)
class _Place:
    """Latitude and longitude of an image, degrees."""

    latitude: float
    longitude: float

    @property
    def area(self) -> AreaOfInterest:
        """A small area around the place."""
        south, north = max(-90.0, self.latitude - _AROUND_DEG), min(90.0, self.latitude + _AROUND_DEG)
        west, east = max(-180.0, self.longitude - _AROUND_DEG), min(180.0, self.longitude + _AROUND_DEG)
        return AreaOfInterest(west, south, east, north)

    def moved_m(self, crs: CRS) -> float:
        """Return by how many metres the place moves if its degrees are those of a geographic system."""
        to_wgs84 = Transformer.from_crs(crs, _WGS84, always_xy=True)
        longitude, latitude = to_wgs84.transform(self.longitude, self.latitude)
        return float(distance_m(self.latitude, self.longitude, latitude, longitude))


def _operations(crs: CRS, place: _Place) -> TransformerGroup:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyproj warns of each missing grid; the note names one
        area: Any = place.area  # the stubs of pyproj know two classes of this name
        return TransformerGroup(crs, _WGS84, always_xy=True, area_of_interest=area)


def _better(group: TransformerGroup, accuracy_m: float) -> str:
    """Return a clause about the first missing grid that would make the transformation more accurate."""
    for operation in group.unavailable_operations:
        missing = [grid.short_name for grid in operation.grids if not grid.available]
        if missing and 0 <= operation.accuracy < accuracy_m:
            names = " ".join(f"--file {name}" for name in missing)
            return f"; `projsync {names}` installs what reduces it to {operation.accuracy:.1g} m"
    return "; prefer imagery in WGS 84, such as UTM"


def _surface(crs: CRS) -> CRS:
    """Return the horizontal part of a compound system, or the system itself."""
    return crs.sub_crs_list[0] if crs.is_compound else crs


def _datum_note(crs: CRS, place: _Place, name: str) -> str:
    return (
        f"warning: PROJ knows no datum for the reference system of {name} ('{crs.name}'), so its accuracy is "
        f"unknown, and all positions of the map may be wrong {_amount(crs, place)}; write the full "
        f"reference system to the file with `gdal_edit.py -a_srs EPSG:… {name}`, and build the map again."
    )


def _amount(crs: CRS, place: _Place) -> str:
    if not _is_older_ellipsoid(crs):
        return f"by about {_SATELLITE_DATUMS_M:g} m"
    stake_m, example = _metres_at_stake(crs, place)
    return f"by about {stake_m:.0f} m (as they are if it is {example})" if example else "by kilometres"


def _metres_at_stake(crs: CRS, place: _Place) -> tuple[float, str]:
    """Return the largest shift of the datums that use the same ellipsoid here, and the name of that datum."""
    found = (0.0, "")
    kinds = [PJType.GEOGRAPHIC_2D_CRS]
    for info in query_crs_info(pj_types=kinds, area_of_interest=place.area, contains=True):
        known = CRS.from_authority(info.auth_name, info.code)
        if _same_ellipsoid(crs, known):
            try:
                found = max(found, (place.moved_m(known), info.name))
            except ProjError:
                continue
    return found


def _same_ellipsoid(one: CRS, other: CRS) -> bool:
    first, second = one.ellipsoid, other.ellipsoid
    if first is None or second is None:
        return False
    return (
        abs(first.semi_major_metre - second.semi_major_metre) < _SAME_ELLIPSOID_M
        and abs(first.semi_minor_metre - second.semi_minor_metre) < _SAME_ELLIPSOID_M
    )


def _is_older_ellipsoid(crs: CRS) -> bool:
    """Return whether the ellipsoid is older than those of satellite geodesy, GRS 80 and WGS 84."""
    ellipsoid, earth = crs.ellipsoid, _WGS84.ellipsoid
    if ellipsoid is None or earth is None:
        return True
    return abs(ellipsoid.semi_major_metre - earth.semi_major_metre) > _SAME_AXIS_M


def _shifts_by_nothing(bound: CRS) -> bool:
    """Return whether a file's own shift to WGS 84 is none, though its ellipsoid is another one.

    Some programs write TOWGS84[0,0,0] where they do not know the shift. PROJ skips a grid whose name begins
    with @ if it is missing.
    """
    operation = bound.coordinate_operation
    if operation is None or not _is_older_ellipsoid(bound):
        return False
    if operation.grids:
        return not any(grid.available for grid in operation.grids)
    return not any(operation.towgs84)


def _missing_grid(surface: CRS) -> str:
    """Return the name of a grid that PROJ cannot do without; empty if there is none."""
    operation = surface.coordinate_operation if surface.is_bound else None
    grids = operation.grids if operation is not None else []
    missing = [grid.short_name for grid in grids if not grid.available]
    return next((name for name in missing if not name.startswith("@")), "")
