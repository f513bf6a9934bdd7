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


def write_photo(
    path,
    place=(0.0, 0.0),
    *,
    taken="2020:01:02 03:04:05",
    model="TOY9",
    gimbal=None,
    flight_yaw=None,
    position=None,
    saved_by="",
    focal_35mm=None,
    turned=False,
):
    """Write a photo of the toy ground, north up; `gimbal` adds yaw, pitch, roll and height as DJI does."""
    pixels = toy_map.ToyRaster().view(*place, FOOTPRINT_M, SIZE_PX)[0]
    exif = Image.Exif()
    exif[0x0110] = model
    if taken:
        exif.get_ifd(0x8769)[0x9003] = taken
    if saved_by:
        exif[0x0131] = saved_by
    if focal_35mm is not None:
        exif.get_ifd(0x8769)[0xA405] = round(focal_35mm)
    if position is not None:
        exif.get_ifd(0x8825).update(_gps(*position))
    fields = {}
    if gimbal is not None:
        names = ("GimbalYawDegree", "GimbalPitchDegree", "GimbalRollDegree", "RelativeAltitude")
        fields = {name: f"{value:+.2f}" for name, value in zip(names, gimbal, strict=True)}
    if flight_yaw is not None:
        fields["FlightYawDegree"] = f"{flight_yaw:+.2f}"
    picture = Image.fromarray(np.ascontiguousarray(pixels[::-1, ::-1] if turned else pixels))
    picture.save(path, exif=exif, quality=95, xmp=dji_packet(fields) if fields else b"")
    return path


def dji_packet(fields):
    """Return an XMP packet as DJI's drones write it: fields as attributes, in double quotes."""
    attributes = "\n".join(f'   drone-dji:{name}="{value}"' for name, value in fields.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description xmlns:drone-dji="http://www.dji.com/drone-dji/1.0/"\n'
        f"{attributes}/>\n </rdf:RDF>\n</x:xmpmeta>"
    ).encode()


def _gps(latitude_deg, longitude_deg):
    def parts(angle):
        minutes = abs(angle) % 1.0 * 60.0
        return (float(int(abs(angle))), float(int(minutes)), round(minutes % 1.0 * 60.0, 6))

    return {
        1: "N" if latitude_deg >= 0 else "S",
        2: parts(latitude_deg),
        3: "E" if longitude_deg >= 0 else "W",
        4: parts(longitude_deg),
    }


def row_of(name, place, *, up_deg=0.0, height_m=HEIGHT_M):
    """Return a row of the table for a level photo."""
    latitude, longitude = (f"{float(v):.9f}" for v in FRAME.to_geodetic(*place))
    return {
        "file": name,
        "cam_lat": latitude,
        "cam_lon": longitude,
        "agl_m": f"{height_m}",
        "pitch_deg": "-90.0",
        "image_up_azimuth_deg": f"{up_deg}",
        "footprint_center_lat": latitude,
        "footprint_center_lon": longitude,
    }


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
