# SPDX-License-Identifier: Apache-2.0
"""Views of a georeferenced image: squares of ground in a local frame, in metres, north up or rotated.

GDAL's warper and PROJ transform each pixel to the local frame, to within 0.02 px; positions are not
interpolated between the corners.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT

from geoloc.arrays import BoolArray, Float64Array
from geoloc.errors import RasterError, clause
from geoloc.geodesy import LocalFrame
from geoloc.raster.colours import Rgb, read_colours
from geoloc.raster.sources import Source, open_source
from geoloc.raster.transparency import Transparency, read_transparency, without_alpha

_TOLERANCE_PX = 0.02
_MAX_SIDE_PX = 32_768
_OPAQUE = 255
_SAMPLES = 10  # of the 20 or more that GDAL takes along an edge


def open_raster(
    source: Path,
    *,
    bounds: Sequence[float] | None = None,
    crs: str | None = None,
    frame: LocalFrame | None = None,
) -> "Raster":
    """Open imagery of any supported kind and coordinate reference system.

    Args:
        source: a GeoTIFF, an image with a world file or `bounds`, or a folder of map tiles (z/x/y.png).
        bounds: west, south, east, north of the outer edges of an image, in `crs`.
        crs: coordinate reference system of the bounds (default EPSG:4326), or of a file without one.
        frame: local frame of the views; None for a frame centred on the image.

    Raises:
        RasterError: if the source cannot be read, or has no georeference.
    """
    opened = open_source(source, bounds, crs)
    try:
        return Raster(opened, frame or opened.central_frame())
    except RasterError:
        opened.dataset.close()
        raise


class Raster:
    """An open georeferenced image; a context manager, not thread-safe.

    Attributes:
        name: name of the file or folder.
        path: the file or folder.
        frame: local frame of the views, metres east and north.
        gsd_m: metres per pixel of the image, at its centre.
        bounds_m: left, bottom, right, top of the image in the frame.
    """

    def __init__(self, source: Source, frame: LocalFrame) -> None:
        self.name = source.path.name
        self.path = source.path
        self.frame = frame
        self._source = source
        self._crs = rasterio.crs.CRS.from_wkt(frame.crs.to_wkt())
        self._source_crs = rasterio.crs.CRS.from_wkt(source.crs.to_wkt())
        self._pixel_m = source.pixel_size_m(frame)
        self.gsd_m = math.sqrt(self._pixel_m[0] * self._pixel_m[1])
        self.bounds_m = source.bounds_m(frame)
        self._placements = source.placements(frame)
        self._alpha = read_transparency(source.dataset, source.path)
        self._pixels = without_alpha(source.dataset, source.path) if self._alpha.picture else source.dataset
        self._colours = read_colours(self._pixels, source.path)
        self._missing = self._signs_of_missing()
        self._least_opaque = (self._alpha.opaque if self._scales_alpha_itself() else _OPAQUE) / 2

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the user about position and pixels: accuracy, order of tiles, bands, scaling."""
        position = self._source.position_note(self.frame)
        return (
            *([position] if position else []),
            *self._source.notes,
            *self._colours.notes,
            *_alpha_notes(self._alpha, self.name),
        )

    def pieces_m(self) -> Float64Array:
        """Return left, bottom, right, top (N, 4), metres, of the rectangles that have imagery."""
        return self._source.pieces_m(self.frame)

    def why_invalid(self) -> str:
        """Return what marks pixels without imagery, for sentences, such as "its alpha band (4)"."""
        if self._alpha.band is not None:
            return f"its alpha band ({self._alpha.band})"
        nodata = self._pixels.nodatavals[self._colours.bands[0] - 1]
        if nodata is not None:
            return f"its nodata value ({nodata:g})"
        return "its mask" if self._has_mask() else "missing pixels"

    def view(
        self, east_m: float, north_m: float, size_m: float, size_px: int, heading_rad: float = 0.0
    ) -> tuple[Rgb, BoolArray]:
        """Return a square of the ground centred on (east, north), resampled without aliasing.

        Pixel (r, c) lies at the centre plus ((c + 0.5 - S/2)·gsd, (S/2 - r - 0.5)·gsd), turned by the
        heading.

        Args:
            east_m: east coordinate of the centre in the frame.
            north_m: north coordinate of the centre in the frame.
            size_m: side of the square in metres.
            size_px: side S of the view in pixels.
            heading_rad: direction that is up in the view, clockwise from north.

        Returns:
            RGB uint8 (S, S, 3), and validity bool (S, S), False where the image has no data; RGB is 0 there.

        Raises:
            RasterError: if the size is not positive, or the file is damaged.
        """
        if not (size_m > 0 and size_px > 0 and all(map(math.isfinite, (east_m, north_m, heading_rad)))):
            raise RasterError(
                f"a view of {size_m} m in {size_px} px at ({east_m}, {north_m}), heading {heading_rad}, "
                "is not possible; give positive sizes and finite positions."
            )
        gsd_m = size_m / size_px
        right = gsd_m * math.cos(heading_rad), -gsd_m * math.sin(heading_rad)
        down = -gsd_m * math.sin(heading_rad), -gsd_m * math.cos(heading_rad)
        left = east_m - (right[0] + down[0]) * size_px / 2
        top = north_m - (right[1] + down[1]) * size_px / 2
        return self._warp(Affine(right[0], down[0], left, right[1], down[1], top), size_px, size_px, gsd_m)

    def window(
        self, left_m: float, top_m: float, width_px: int, height_px: int, gsd_m: float
    ) -> tuple[Rgb, BoolArray]:
        """Return a north-up rectangle, given its upper left corner; results and errors are as of `view`."""
        if not (0 < width_px <= _MAX_SIDE_PX and 0 < height_px <= _MAX_SIDE_PX and gsd_m > 0):
            raise RasterError(
                f"a window of {width_px}×{height_px} px at {gsd_m} m is not possible; "
                f"give 1 to {_MAX_SIDE_PX} px."
            )
        return self._warp(Affine(gsd_m, 0, left_m, 0, -gsd_m, top_m), width_px, height_px, gsd_m)

    def overview(self, max_px: int = 1024) -> tuple[Rgb, BoolArray, float]:
        """Return the whole image, north up, at most `max_px` per side: RGB, validity, metres per pixel."""
        left, bottom, right, top = self.bounds_m
        gsd_m = max(right - left, top - bottom) / max_px
        width, height = max(1, round((right - left) / gsd_m)), max(1, round((top - bottom) / gsd_m))
        transform = Affine(gsd_m, 0, left, 0, -gsd_m, top)
        # The cost of averaging does not grow with the reduction, unlike that of a kernel.
        rgb, valid = self._warp(transform, width, height, gsd_m, Resampling.average)
        return rgb, valid, gsd_m

    def close(self) -> None:
        """Close the file."""
        self._pixels.close()
        self._source.dataset.close()

    def __enter__(self) -> "Raster":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _warp(
        self,
        transform: Affine,
        width: int,
        height: int,
        gsd_m: float,
        resampling: Resampling = Resampling.cubic,
    ) -> tuple[Rgb, BoolArray]:
        values, valid = self._warp_from(self._placements[0], transform, width, height, gsd_m, resampling)
        for placement in self._placements[1:]:
            more, known = self._warp_from(placement, transform, width, height, gsd_m, resampling)
            values[:, known], valid = more[:, known], valid | known
        return self._colours.to_rgb(values, valid), valid

    def _warp_from(
        self,
        placement: Affine,
        transform: Affine,
        width: int,
        height: int,
        gsd_m: float,
        resampling: Resampling,
    ) -> tuple[NDArray[Any], BoolArray]:
        """Return the values (3, H, W) and validity (H, W) of a view of the image at one of its placements."""
        # GDAL would derive the scale from bounding boxes, and so blur rotated views.
        scale_x, scale_y = (min(1.0, size_m / gsd_m) for size_m in self._pixel_m)
        extra = {}
        if len(self._placements) > 1:
            # GDAL samples the edges of a view, and misses what lies between the antimeridian and a sample.
            extra["SOURCE_EXTRA"] = math.ceil(max(width, height) * gsd_m / min(self._pixel_m) / _SAMPLES)
        try:
            with WarpedVRT(
                self._pixels,
                src_crs=self._source_crs,
                src_transform=placement,
                crs=self._crs,
                transform=transform,
                width=width,
                height=height,
                resampling=resampling,
                tolerance=_TOLERANCE_PX,
                add_alpha=self._alpha.band is None,
                UNIFIED_SRC_NODATA="YES",
                DST_ALPHA_MAX=_OPAQUE,
                XSCALE=scale_x,
                YSCALE=scale_y,
                **self._missing,
                **extra,
            ) as warped:
                values = warped.read(list(self._colours.bands))
                valid = warped.read(self._alpha.band or warped.count) > self._least_opaque
        except (RasterioError, OSError) as error:
            raise RasterError(
                f"{self._source.path} cannot be read ({clause(error)}), so it is truncated or "
                "damaged; restore it."
            ) from error
        if np.issubdtype(values.dtype, np.floating):
            valid &= np.isfinite(values).all(axis=0)
        return values, valid

    def _signs_of_missing(self) -> dict[str, float]:
        """Return arguments of the warp that tell missing pixels beyond what GDAL reads from the file."""
        if self._alpha.band is not None:
            return {"SRC_ALPHA_MAX": self._alpha.opaque}
        band = self._colours.bands[0] - 1
        declared = self._pixels.nodatavals[band] is not None or self._has_mask()
        floats = np.dtype(self._pixels.dtypes[band]).kind == "f"
        return {"src_nodata": math.nan} if floats and not declared else {}

    def _scales_alpha_itself(self) -> bool:
        """Return whether GDAL ignores SRC_ALPHA_MAX, as it does for 8 bits."""
        return self._alpha.band is not None and self._pixels.dtypes[self._alpha.band - 1] == "uint8"

    def _has_mask(self) -> bool:
        return MaskFlags.per_dataset in self._pixels.mask_flag_enums[self._colours.bands[0] - 1]


def _alpha_notes(alpha: Transparency, name: str) -> tuple[str, ...]:
    if alpha.picture is None:
        return ()
    return (
        f"{name}: band {alpha.picture} is tagged as alpha but holds a picture, such as near-infrared, so it "
        "makes no pixel transparent.",
    )


def write_geotiff(
    path: Path,
    rgb: Rgb,
    *,
    crs: str,
    left: float,
    top: float,
    gsd_m: float,
    valid: BoolArray | None = None,
) -> None:
    """Write a north-up GeoTIFF, tiled and compressed by deflate, with an internal mask if `valid` is given.

    Args:
        path: file to write.
        rgb: uint8 (H, W, 3), or (H, W) for grey.
        crs: coordinate reference system as EPSG:…, WKT or PROJ string.
        left: x of the left edge of the first column, in the units of `crs`.
        top: y of the upper edge of the first row, in the units of `crs`.
        gsd_m: pixel size in the units of `crs`.
        valid: bool (H, W), False where the image has no data; None if all pixels are valid.

    Raises:
        RasterError: if the file cannot be written.
    """
    bands = rgb[np.newaxis] if rgb.ndim == 2 else np.moveaxis(rgb, -1, 0)
    profile = {
        "driver": "GTiff",
        "dtype": "uint8",
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "crs": crs,
        "transform": Affine(gsd_m, 0, left, 0, -gsd_m, top),
        "tiled": True,
        "compress": "deflate",
        "photometric": "RGB" if bands.shape[0] == 3 else "MINISBLACK",
        "BIGTIFF": "IF_SAFER",
    }
    try:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", **profile) as out:
            out.write(bands)
            if valid is not None:
                out.write_mask(valid)
    except (RasterioError, OSError) as error:
        raise RasterError(
            f"{path} cannot be written ({clause(error)}); "
            "check that its folder exists and the disk has space."
        ) from error
