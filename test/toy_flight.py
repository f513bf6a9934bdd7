# SPDX-License-Identifier: Apache-2.0
"""A level flight over the toy ground as a bag: each image is the ground below, so the truth is known."""

import dataclasses
import math

import numpy as np

import toy_map
from geoloc.camera.lens import Intrinsics
from geoloc_lab.bags.writing import BagRecorder

SIZE_PX = 64
HEIGHT_M = 50.0
FOOTPRINT_M = 60.0
LENS = Intrinsics(
    SIZE_PX,
    SIZE_PX,
    np.array(
        [[SIZE_PX * HEIGHT_M / FOOTPRINT_M, 0, 31.5], [0, SIZE_PX * HEIGHT_M / FOOTPRINT_M, 31.5], [0, 0, 1]]
    ),
)
# The lens before its distortion was removed, of which CameraInfo has K and D beside P.
RAW_LENS = Intrinsics(
    SIZE_PX,
    SIZE_PX,
    LENS.matrix * np.array([[0.75, 1, 1.1], [1, 0.75, 0.9], [1, 1, 1]]),
    "plumb_bob",
    np.array([-0.28, 0.08, 0.0, 0.0, 0.0]),
)
# Body to east-north-up of a drone that flies north; its camera looks down, top of the picture forward.
NORTHWARD = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))
START_S = 1_700_000_000


class PixelEncoder:
    """Describes a view by its coarse pixels, which is enough because map and views show the same image."""

    def __init__(self):
        self.card = toy_map.ToyEncoder().card
        self.card.descriptor_size = 16 * 16 * 3

    def describe(self, views):
        coarse = views.reshape(len(views), 16, 2, 16, 2, 3).mean(axis=(2, 4)).reshape(len(views), -1)
        coarse = coarse - coarse.mean(axis=1, keepdims=True)
        return (coarse / (np.linalg.norm(coarse, axis=1, keepdims=True) + 1e-6)).astype(np.float32)


def pixel_map(encoder=None, **options):
    """Return the toy map with descriptors of its ground's pixels."""
    encoder = encoder or PixelEncoder()
    tiles = toy_map.toy_map(toy_map.ToyEncoder(), **options)
    raster = tiles.raster()
    views = [raster.view(tile["east_m"], tile["north_m"], tile["size_m"], 32)[0] for tile in tiles.tiles]
    return dataclasses.replace(tiles, descriptors=encoder.describe(np.stack(views)))


def places(count=6):
    """Return the drone's positions, one a second, metres."""
    return [(-50.0 + 18.0 * i, -20.0 + 9.0 * i) for i in range(count)]


def write_flight(
    path,
    *,
    count=6,
    leave_out=(),
    truth=True,
    imu=NORTHWARD,
    height_m=HEIGHT_M,
    compressed=False,
    track=None,
    raw_lens=None,
    frozen_after=None,
    odom_scale=1.0,
):
    """Write the flight.

    Args:
        leave_out: roles that are not recorded.
        track: one place a second.
        raw_lens: lens of the camera if the images are undistorted; its K and D stand beside the images' P.
        frozen_after: second whose picture the camera repeats from then on; None repeats none.
        odom_scale: distance by odometry for each metre flown.
    """
    ground, frame = toy_map.ToyRaster(), toy_map.toy_map(toy_map.ToyEncoder()).frame
    with BagRecorder(path) as bag:
        for second, place in enumerate(places(count) if track is None else track):
            stamp_ns = (START_S + second) * 1_000_000_000
            if "camera_info" not in leave_out:
                bag.camera_info(stamp_ns, raw_lens or LENS, rectified=None if raw_lens is None else LENS)
            if "image" not in leave_out:
                if frozen_after is None or second <= frozen_after:
                    picture = ground.view(*place, FOOTPRINT_M, SIZE_PX)[0]
                bag.image(stamp_ns, picture, compressed=compressed)
            if "imu" not in leave_out:
                bag.imu(stamp_ns, imu, (0.0, 0.0, 0.0), (0.0, 0.0, 9.8))
            if "altitude" not in leave_out:
                bag.altitude(stamp_ns, height_m)
            if "odom" not in leave_out:
                moved_m = (odom_scale * place[0], odom_scale * place[1], HEIGHT_M)
                bag.odometry(stamp_ns, moved_m, NORTHWARD, (0.0, 0.0, 0.0))
            if truth:
                latitude, longitude = (float(v) for v in frame.to_geodetic(*place))
                bag.truth(stamp_ns, latitude, longitude)
    return path
