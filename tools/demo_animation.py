# SPDX-License-Identifier: Apache-2.0
"""Draw the flight of the demo as an animation: camera image, map with the track, and ground below the drone.

make demo
.venv/bin/python tools/demo_animation.py demo docs/images/demo.webp
"""

import argparse
import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from geoloc.camera.messages import decode_image
from geoloc.geodesy import LocalFrame
from geoloc.mapping.directory import open_map
from geoloc.raster.colours import Rgb
from geoloc.raster.views import Raster
from geoloc_lab.bags.reading import ImageSample, read_flight

PANEL_PX = 340
GAP_PX = 8
CAPTION_PX = 30
EVERY = 2  # frames of the flight per frame of the animation
FRAME_MS = 110
CLOSE_UP_M = 60.0
SIGMAS = 3.0
TRUTH, FIX, REFUSED, INK = "#ffffff", "#00e0c0", "#ff6060", "#202428"


@dataclass(frozen=True)
class Moment:
    """One frame of the flight.

    Attributes:
        stamp_ns: stamp of the image.
        truth_m: true position, metres east and north.
        fix_m: position of the fix, metres east and north; None if refused.
        error_m: error of the fix, metres; NaN if refused.
        covariance_m2: covariance of the fix (east-east, east-north, north-north), square metres.
        reason: reason of the refusal; empty for a fix.
    """

    stamp_ns: int
    truth_m: tuple[float, float]
    fix_m: tuple[float, float] | None
    error_m: float
    covariance_m2: tuple[float, float, float]
    reason: str


def read_moments(table: Path, frame: LocalFrame) -> list[Moment]:
    """Return the frames of a report from its frames.csv, with positions in the map's frame."""
    moments = []
    with table.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            truth = _local(frame, row["truth_latitude_deg"], row["truth_longitude_deg"])
            fix = _local(frame, row["latitude_deg"], row["longitude_deg"]) if row["latitude_deg"] else None
            covariance = tuple(float(row[f"covariance_{axes}_m2"] or 0) for axes in ("ee", "en", "nn"))
            error = float(row["error_m"] or math.nan)
            moments.append(Moment(int(row["stamp_ns"]), truth, fix, error, covariance, row["reason"]))
    return moments


def _local(frame: LocalFrame, latitude: str, longitude: str) -> tuple[float, float]:
    east, north = frame.to_local(float(latitude), float(longitude))
    return float(east), float(north)


class Panel:
    """North-up square of the map, on which shapes are drawn at positions in metres."""

    def __init__(self, raster: Raster, centre_m: tuple[float, float], size_m: float) -> None:
        self._centre_m, self._scale = centre_m, PANEL_PX / size_m
        image, _ = raster.view(*centre_m, size_m, PANEL_PX)
        self.image = Image.fromarray(np.asarray(image))
        self.draw = ImageDraw.Draw(self.image)

    def pixel(self, place_m: tuple[float, float]) -> tuple[float, float]:
        """Return the pixel (column, row) of a place given in metres east and north."""
        east, north = place_m[0] - self._centre_m[0], place_m[1] - self._centre_m[1]
        return PANEL_PX / 2 + east * self._scale, PANEL_PX / 2 - north * self._scale

    def dot(self, place_m: tuple[float, float], colour: str, radius_px: float = 4.0) -> None:
        """Draw a dot with a dark rim."""
        column, row = self.pixel(place_m)
        box = (column - radius_px, row - radius_px, column + radius_px, row + radius_px)
        self.draw.ellipse(box, fill=colour, outline=INK)

    def line(self, places_m: list[tuple[float, float]], colour: str, width_px: int) -> None:
        """Draw a line through places."""
        if len(places_m) > 1:
            self.draw.line([self.pixel(place) for place in places_m], fill=colour, width=width_px)

    def ellipse(self, place_m: tuple[float, float], covariance_m2: tuple[float, float, float]) -> None:
        """Draw the ellipse of `SIGMAS` standard deviations around a place."""
        ee, en, nn = covariance_m2
        values, axes = np.linalg.eigh(np.array([[ee, en], [en, nn]]))
        turn = np.linspace(0, 2 * math.pi, 60)
        circle = np.stack([np.cos(turn), np.sin(turn)]) * SIGMAS * np.sqrt(np.maximum(values, 0))[:, None]
        points = (axes @ circle).T + place_m
        self.line([(float(east), float(north)) for east, north in points], FIX, 2)


def picture(
    camera: Rgb, raster: Raster, extent: tuple[tuple[float, float], float], past: list[Moment]
) -> Image.Image:
    """Return the frame of the animation for the last moment in `past`."""
    now = past[-1]
    wide, close = Panel(raster, *extent), Panel(raster, now.truth_m, CLOSE_UP_M)
    wide.line([moment.truth_m for moment in past], TRUTH, 3)
    for moment in past:
        if moment.fix_m:
            wide.dot(moment.fix_m, FIX, 2.5)
    wide.dot(now.truth_m, TRUTH if now.fix_m else REFUSED, 6)
    if now.fix_m:
        close.ellipse(now.fix_m, now.covariance_m2)
        close.dot(now.fix_m, FIX)
    close.dot(now.truth_m, TRUTH, 3)
    height = round(PANEL_PX * camera.shape[0] / camera.shape[1])
    seen = Image.fromarray(camera).resize((PANEL_PX, height), Image.Resampling.LANCZOS)
    said = f"fix: {now.error_m:.1f} m off" if now.fix_m else f"no fix: {now.reason}"
    sheet = Image.new("RGB", (3 * PANEL_PX + 2 * GAP_PX, PANEL_PX + CAPTION_PX), INK)
    captions = (
        "camera",
        "map of another season: track (white), fixes",
        f"{CLOSE_UP_M:g} m around the drone, {said}",
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for index, (panel, caption) in enumerate(zip((seen, wide.image, close.image), captions, strict=True)):
        left = index * (PANEL_PX + GAP_PX)
        sheet.paste(panel, (left, CAPTION_PX + (PANEL_PX - panel.height) // 2))
        draw.text((left + 4, 6), caption, fill="#ffffff" if now.fix_m or index < 2 else REFUSED, font=font)
    return sheet


def main() -> None:
    """Write the animation of a demo."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("demo", type=Path, help="Folder with the results of `make demo`.")
    parser.add_argument("out", type=Path, help="Animated WebP file to write.")
    parser.add_argument("--quality", type=int, default=45, help="Quality of the images, 1 to 100.")
    given = parser.parse_args()
    folder = next(given.demo.glob("seed-*"))
    flown = open_map(folder / "map")
    moments = {
        moment.stamp_ns: moment for moment in read_moments(given.demo / "report" / "frames.csv", flown.frame)
    }
    track = np.array([moment.truth_m for moment in moments.values()])
    low, high = track.min(axis=0), track.max(axis=0)
    middle = (low + high) / 2
    extent = ((float(middle[0]), float(middle[1])), float((high - low).max()) + 2 * CLOSE_UP_M)
    pictures: list[Image.Image] = []
    past: list[Moment] = []
    with flown.raster() as raster:
        for sample in read_flight(next(folder.glob("flight-*"))).samples():
            if isinstance(sample, ImageSample) and sample.stamp_ns in moments:
                past.append(moments[sample.stamp_ns])
                if len(past) % EVERY == 1:
                    pictures.append(picture(decode_image(sample.message), raster, extent, past))
    options = {"quality": given.quality, "method": 6, "minimize_size": True}
    pictures[0].save(
        given.out, save_all=True, append_images=pictures[1:], duration=FRAME_MS, loop=0, **options
    )
    print(f"{given.out}: {len(pictures)} images, {given.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
