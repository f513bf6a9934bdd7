# SPDX-License-Identifier: Apache-2.0
"""Write a flight folder: JPEGs with EXIF and DJI's XMP, a table, a calibration, a GeoTIFF of toy ground."""

import csv
import json

import numpy as np
from PIL import Image

import toy_map
from geoloc.raster.views import write_geotiff

FRAME = toy_map.toy_map(toy_map.ToyEncoder()).frame
SIZE_PX = 64
HEIGHT_M = 50.0
FOOTPRINT_M = 60.0
FOCAL_PX = SIZE_PX * HEIGHT_M / FOOTPRINT_M
PLACES = [(-30.0, -15.0), (0.0, 0.0), (30.0, 15.0)]
COLUMNS = (
    "file",
    "cam_lat",
    "cam_lon",
    "agl_m",
    "pitch_deg",
    "image_up_azimuth_deg",
    "footprint_center_lat",
    "footprint_center_lon",
)


def write_photo(
    path,
    place=(0.0, 0.0),
    *,
    taken="2020:01:02 03:04:05",
    model="TOY9",
    gimbal=None,
    turned=False,
):
    """Write a photo of the toy ground, north up; `gimbal` adds yaw, pitch, roll and height as DJI does."""
    pixels = toy_map.ToyRaster().view(*place, FOOTPRINT_M, SIZE_PX)[0]
    exif = Image.Exif()
    exif[0x0110] = model
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    xmp = b""
    if gimbal is not None:
        names = ("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree", "RelativeAltitude")
        xmp = b" ".join(
            f'drone-dji:{name}="{value:+.2f}"'.encode() for name, value in zip(names, gimbal, strict=True)
        )
    picture = Image.fromarray(np.ascontiguousarray(pixels[::-1, ::-1] if turned else pixels))
    picture.save(path, exif=exif, quality=95, xmp=b"<x " + xmp + b"/>")
    return path


def row_of(name, place, *, up_deg=0.0, height_m=HEIGHT_M):
    """Return a row of the table for a level photo."""
    latitude, longitude = (f"{float(v):.9f}" for v in FRAME.to_geodetic(*place))
    values = (name, latitude, longitude, f"{height_m}", "-90.0", f"{up_deg}", latitude, longitude)
    return dict(zip(COLUMNS, values, strict=True))


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def write_folder(data, name="toy_flight", *, gimbal=None, **photo):
    """Write a complete flight folder under `data`, with the calibration beside it."""
    folder = data / name
    (folder / "images").mkdir(parents=True)
    rows = []
    for second, place in enumerate(PLACES):
        file = f"P{second}.JPG"
        write_photo(
            folder / "images" / file,
            place,
            taken=f"2020:01:02 03:04:{second * 5:02d}",
            gimbal=gimbal,
            **photo,
        )
        rows.append(row_of(file, place))
    write_table(folder / "queries.csv", rows)
    left, bottom, right, top = toy_map.ToyRaster.bounds_m
    ground = toy_map.ToyRaster().view((left + right) / 2, (bottom + top) / 2, right - left, 400)[0]
    rows_in = slice(round(200 - (top - bottom)), round(200 + (top - bottom)))
    write_geotiff(folder / "map.tif", ground[rows_in], crs=FRAME.crs, left=left, top=top, gsd_m=0.5)
    (data / "calibration").mkdir(exist_ok=True)
    half = SIZE_PX / 2
    cameras = {
        "note": "toy",
        "toy9": {f"colmap_RADIAL_{SIZE_PX}x{SIZE_PX}": [FOCAL_PX, half, half, 0.0, 0.0]},
    }
    (data / "calibration" / "cameras.json").write_text(json.dumps(cameras), encoding="utf-8")
    return folder
