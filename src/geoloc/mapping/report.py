# SPDX-License-Identifier: Apache-2.0
"""Reports of a map: a table of its properties, and a picture of its tiles."""

from pathlib import Path

import cv2
import numpy as np

from geoloc.errors import MapError
from geoloc.mapping.directory import MapDirectory
from geoloc.mapping.manifest import Manifest

_PICTURE_PX = 1600
_FRAME_COLOUR = (255, 214, 0)
_CENTRE_COLOUR = (0, 229, 255)


def describe_map(opened: MapDirectory) -> list[tuple[str, str]]:
    """Return the properties of a map, name and value of each, as text."""
    manifest = opened.manifest
    west, south, east, north = manifest.bounds_deg
    size_bytes = sum(record.size_bytes for record in manifest.files)
    imagery = manifest.imagery
    return [
        ("map", str(opened.path)),
        ("area", _area(opened)),
        ("tiles", _tiles(opened)),
        ("view size", f"{manifest.view_size_m:g} m"),
        ("pitch", f"{manifest.pitch_m:.1f} m (nominal overlap {manifest.overlap:.0%})"),
        ("ground resolution", f"{manifest.gsd_m:.3f} m per pixel"),
        ("bounds", f"{west:.6f} {south:.6f} {east:.6f} {north:.6f} (west south east north, WGS 84)"),
        ("centre", f"{manifest.latitude_deg:.7f} {manifest.longitude_deg:.7f}"),
        ("model", f"{manifest.model_id} (sha256 {manifest.model_sha256[:12]}…)"),
        ("descriptor", f"{manifest.descriptor_size} values"),
        ("imagery", imagery.source or "unknown source"),
        ("imagery date", imagery.date or "unknown"),
        ("imagery licence", imagery.licence or "unknown"),
        ("built", f"{manifest.created} by geoloc {manifest.geoloc_version}"),
        ("on disk", f"{size_bytes / 1e6:.1f} MB"),
    ]


def draw_map(opened: MapDirectory, path: Path) -> None:
    """Draw a PNG of the map: its raster, the outline of the first tile of level 0, a dot at each tile centre.

    Raises:
        MapError: if the PNG cannot be written.
        RasterError: if the map's raster is damaged.
    """
    with opened.raster() as raster:
        rgb, _, gsd_m = raster.overview(_PICTURE_PX)
        left, _, _, top = raster.bounds_m
    canvas = np.ascontiguousarray(rgb[..., ::-1])
    tiles = opened.tiles[opened.tiles["level"] == 0]
    columns = np.rint((tiles["east_m"] - left) / gsd_m).astype(int)
    rows = np.rint((top - tiles["north_m"]) / gsd_m).astype(int)
    for column, row in zip(columns, rows, strict=True):
        cv2.circle(canvas, (int(column), int(row)), 2, _CENTRE_COLOUR[::-1], cv2.FILLED)
    half = round(opened.view_size_m / gsd_m / 2)
    corner, opposite = (
        (int(columns[0]) - half, int(rows[0]) - half),
        (int(columns[0]) + half, int(rows[0]) + half),
    )
    cv2.rectangle(canvas, corner, opposite, _FRAME_COLOUR[::-1], 2)
    done, data = cv2.imencode(".png", canvas)
    try:
        path.write_bytes(data.tobytes() if done else b"")
    except OSError as error:
        raise MapError(
            f"{path} cannot be written ({error.strerror}); give a file in a folder that exists."
        ) from error


def _area(opened: MapDirectory) -> str:
    left, bottom, right, top = opened.manifest.bounds_m
    return f"{(right - left) * (top - bottom) / 1e6:.4g} km² ({right - left:.0f} m × {top - bottom:.0f} m)"


def _tiles(opened: MapDirectory) -> str:
    manifest: Manifest = opened.manifest
    counts = np.bincount(opened.tiles["level"], minlength=len(manifest.scales))
    if len(counts) == 1:
        return str(manifest.tile_count)
    parts = (
        f"{count} of {manifest.view_size_m * scale:g} m"
        for count, scale in zip(counts, manifest.scales, strict=True)
    )
    return f"{manifest.tile_count} ({', '.join(parts)})"
