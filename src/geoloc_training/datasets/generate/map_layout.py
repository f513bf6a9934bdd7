# SPDX-License-Identifier: Apache-2.0
"""Writer of the layout of `map`: dated images with an index."""

import csv
import io
from pathlib import Path

from geoloc_training.datasets.generate.places import Place
from geoloc_training.datasets.generate.writing import Cast, write_picture, write_text
from geoloc_training.datasets.imagery.dated_index import DATE, INDEX
from geoloc_training.datasets.imagery.ground import Look, render

_COLUMNS = ("file", "location_id", "city", "year", "gsd_m", "center_lat", "center_lon")
_FIRST_YEAR = 2016  # year of date "0", for imagery whose dates are only numbered


def write_map(out: Path, cast: Cast) -> None:
    """Write an image for each date of each place, with the place's part as its city.

    A part can thus be used for validation.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(_COLUMNS)
    gsd_m = cast.camera.view_m / cast.camera.size_px
    for part in ("training", "tests", "distractors"):
        for number, scene in cast.scenes(getattr(cast, part)):
            name, where = f"{part}_{number:03d}", scene.place.location
            for date in sorted({scene.place.map_date, *scene.place.drone_dates}):
                file = f"{name}_{_year(date)}.png"
                side_px = _write(out / "images" / file, scene.place, date, gsd_m)
                row = (file, name, part, _year(date), f"{scene.place.extent_m / side_px:.8f}")
                rows.writerow((*row, f"{where.latitude_deg:.8f}", f"{where.longitude_deg:.8f}"))
    write_text(out / INDEX, table.getvalue())


def _write(path: Path, place: Place, date: str, gsd_m: float) -> int:
    """Write the image of a place, at about `gsd_m` metres per pixel, and return its side in pixels."""
    side_px = round(place.extent_m / gsd_m)
    look = Look(place.east_m, place.south_m, place.extent_m)
    write_picture(path, render(place.ground, date, look, side_px)[0])
    return side_px


def _year(date: str) -> str:
    return date if DATE.fullmatch(date) else str(_FIRST_YEAR + int(date))
