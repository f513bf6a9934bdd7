# SPDX-License-Identifier: Apache-2.0
"""A region in small: the toy ground as a map, a flight to and fro, and a model that knows it a little."""

import numpy as np
import torch
from torch.nn import functional

import toy_flight
import toy_map
from geoloc.encoder.card import Architecture, Calibration
from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.raster.views import write_geotiff
from geoloc_training.export import CardFacts, export_model
from geoloc_training.parity import RealViews

FRAME = toy_map.toy_map(toy_map.ToyEncoder()).frame
LEFT, BOTTOM, RIGHT, TOP = toy_map.ToyRaster.bounds_m
VIEW_M = 40.0
ARCHITECTURE = Architecture(
    backbone="resnet18",
    backbone_args={"layers": [1, 1, 1, 1], "channels": [8, 16, 24, 32]},
    stem="unshuffle",
    head="both",
    head_channels=16,
    descriptor_size=64,
    input_px=32,
)
# To and fro, twenty metres a second and twenty further north each time, a little beside the centres of tiles.
TRACK = [(20.0 * i * (1 if row % 2 else -1) + 3, 20.0 * row - 37) for row in range(5) for i in range(-3, 4)]


def ground():
    """The toy ground at half a metre a pixel, 200 m by 160 m."""
    return toy_map.ToyRaster().view(0.0, 0.0, RIGHT - LEFT, 400)[0][40:360]


def write_map(path, pixels=None, valid=None, left=LEFT, top=TOP):
    """The toy ground as a GeoTIFF, or other pixels in its place."""
    pixels = ground() if pixels is None else pixels
    write_geotiff(path, pixels, crs=FRAME.crs, left=left, top=top, gsd_m=0.5, valid=valid)
    return path


def write_bag(path, **options):
    """The flight over it."""
    return toy_flight.write_flight(path, **{"track": TRACK} | options)


def views_near(centres, rng, off_m):
    """Views of the toy ground near some places, a little brighter or darker."""
    raster, moved = toy_map.ToyRaster(), centres + rng.uniform(-off_m, off_m, centres.shape)
    views = np.stack([raster.view(east, north, VIEW_M, 32)[0] for east, north in moved]).astype(float)
    return np.clip(views + rng.uniform(-20, 20, (len(views), 1, 1, 1)), 0, 255).astype(np.uint8)


def trained(steps=120):
    """An encoder that has learnt, in a second, to tell places of the toy ground apart."""
    torch.manual_seed(0)
    encoder, rng = ViewEncoder(ARCHITECTURE), np.random.default_rng(0)
    optimiser = torch.optim.Adam(encoder.parameters(), 3e-3)
    for _ in range(steps):
        centres = rng.uniform(-75, 75, (24, 2))
        sides = [torch.from_numpy(views_near(centres, rng, off_m)) for off_m in (0.0, 12.0)]
        one, other = encoder(torch.cat(sides)).split(24)
        loss = functional.cross_entropy(one @ other.T / 0.1, torch.arange(24))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return encoder


def write_model(folder):
    """A model directory with that encoder."""
    rng = np.random.default_rng(1)
    views = views_near(rng.uniform(-60, 60, (40, 2)), rng, 0.0)
    facts = CardFacts(
        id=folder.name,
        method="sample4geo",
        seed=0,
        gsd_range_m=(0.5, 2.0),
        training={},
        metrics=[],
        calibration=Calibration(0.25, 0.01, "by hand"),
    )
    export_model(trained().state_dict(), ARCHITECTURE, facts, folder, RealViews(views, views))
    return folder
