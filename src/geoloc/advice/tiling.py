# SPDX-License-Identifier: Apache-2.0
"""Finding about tiles: number, pitch and size on disk."""

from geoloc.advice.case import Finding, Fit, MapFacts
from geoloc.encoder.card import ModelCard
from geoloc.mapping.directory import TILE_DTYPE
from geoloc.mapping.grid import pitch_m, tile_count
from geoloc.mapping.recipe import BuildOptions

_PICTURE_BYTES_PER_PIXEL = 0.5  # JPEG with overviews: 0.34 over a beach, 0.40 to 0.52 over procedural towns
_FLOAT_BYTES = 4


def tiles_finding(view_m: float, ground: MapFacts | None, card: ModelCard) -> Finding:
    """Return number, pitch and size of the tiles; without imagery, of a square kilometre."""
    bounds_m = (0.0, 0.0, 1000.0, 1000.0) if ground is None else ground.bounds_m
    overlap = BuildOptions.overlap if ground is None else ground.overlap
    scales = BuildOptions.scales if ground is None else ground.scales
    left, bottom, right, top = bounds_m
    if view_m > min(right - left, top - bottom):
        value = (
            f"the imagery is {right - left:.0f} m x {top - bottom:.0f} m, smaller than a view of {view_m:g} m"
        )
        return Finding("tiles", Fit.UNFIT, value, "use imagery of a larger area")
    count = tile_count(bounds_m, view_m, overlap, scales)
    size_bytes = count * (_FLOAT_BYTES * card.descriptor_size + TILE_DTYPE.itemsize)
    area = "1 km²" if ground is None else f"{(right - left) * (top - bottom) / 1e6:.3g} km²"
    if ground is not None:
        pixels = (right - left) * (top - bottom) / ground.gsd_m**2
        size_bytes += int(_PICTURE_BYTES_PER_PIXEL * pixels)
    step_m = pitch_m(bounds_m, view_m, overlap)
    what = " without the imagery" if ground is None else ""
    value = f"{count} tiles over {area}, one every {step_m:.1f} m (overlap {overlap:g}); "
    value += f"about {size_bytes / 1e6:.3g} MB{what}"
    return Finding("tiles", Fit.NONE, value)
