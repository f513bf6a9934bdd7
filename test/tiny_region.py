# SPDX-License-Identifier: Apache-2.0
"""A region in small: the toy ground as a map, a flight to and fro over it, a model with random weights."""

import numpy as np
import torch

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
    backbone_args={"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
    stem="unshuffle",
    head="both",
    head_channels=4,
    descriptor_size=16,
    input_px=32,
)
# To and fro, twenty metres a second, ten metres further north each time.
TRACK = [(20.0 * i * (1 if row % 2 else -1), 12.0 * row - 12) for row in range(3) for i in range(-3, 4)]


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


def write_model(folder):
    """A model directory whose encoder has learnt nothing."""
    torch.manual_seed(0)
    raster = toy_map.ToyRaster()
    centres = np.random.default_rng(0).uniform(-60, 60, (40, 2))
    views = np.stack([raster.view(east, north, VIEW_M, 32)[0] for east, north in centres])
    facts = CardFacts(
        id=folder.name,
        method="sample4geo",
        seed=0,
        gsd_range_m=(0.5, 2.0),
        training={},
        metrics=[],
        calibration=Calibration(0.25, 0.01, "by hand"),
    )
    export_model(ViewEncoder(ARCHITECTURE).state_dict(), ARCHITECTURE, facts, folder, RealViews(views, views))
    return folder
