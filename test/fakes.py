# SPDX-License-Identifier: Apache-2.0
"""Stand-ins that tests share: an encoder without a network, and synthetic ground."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from geoloc.encoder.calibration import Calibration
from geoloc.encoder.card import Architecture, ModelCard

_CELLS = 8
UTM_TRANSFORM = Affine(0.5, 0, 576_632.0, 0, -0.5, 5_188_244.6)


class FakeEncoder:
    """Describes a view by the colours and edges of an 8 × 8 grid: quick, and it tells places apart.

    Attributes:
        card: a model card with no directory behind it.
        calls: views described so far.
    """

    def __init__(self, model_id="fake", input_px=32, gsd_range_m=(0.05, 5.0)):
        self.card = ModelCard(
            directory=Path("models") / model_id,
            id=model_id,
            sha256=(model_id.encode().hex() + "0" * 64)[:64],
            architecture=Architecture(
                backbone="none", descriptor_size=_CELLS * _CELLS * 4, input_px=input_px
            ),
            gsd_range_m=gsd_range_m,
            method="none",
            seed=0,
            licence="Apache-2.0",
            metrics=(),
            calibration=Calibration(min_score=0.0, min_margin=0.0, derivation="none"),
        )
        self.calls = 0

    def describe(self, views):
        self.calls += len(views)
        pixels = views.astype(np.float32) / 255
        grey = pixels.mean(axis=3)
        edges = np.abs(np.diff(grey, axis=1, prepend=grey[:, :1])) + np.abs(
            np.diff(grey, axis=2, prepend=grey[:, :, :1])
        )
        stacked = np.concatenate([pixels, 2 * edges[..., None]], axis=3)
        count, side = len(views), self.card.input_px
        cells = stacked.reshape(count, _CELLS, side // _CELLS, _CELLS, side // _CELLS, 4).mean(axis=(2, 4))
        flat = cells.reshape(count, -1)
        flat = flat - flat.mean(axis=1, keepdims=True) + 1e-6
        return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def ground(height, width, seed=0):
    """Return RGB (H, W, 3) of a synthetic landscape: blobs of several sizes, all places different."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), dtype=np.float32)
    for cell in (64, 24, 8):
        coarse = rng.random((height // cell + 2, width // cell + 2, 3), dtype=np.float32)
        rows, columns = np.arange(height) // cell, np.arange(width) // cell
        picture += coarse[rows][:, columns]
    return np.rint(picture / 3 * 255).astype(np.uint8)


def write_bands(path, values, crs="EPSG:32615", transform=UTM_TRANSFORM, **profile):
    """Write bands (B, H, W) of any type as a GeoTIFF."""
    count, height, width = values.shape
    mask = profile.pop("mask", None)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, crs=crs,
            transform=transform, **profile,
        ) as out,
    ):  # fmt: skip
        out.write(values)
        if mask is not None:
            out.write_mask(mask)
    return path
