# SPDX-License-Identifier: Apache-2.0
"""A small invented place with two images, an encoder without a network, and two short scenarios."""

import numpy as np

from fakes import ground
from geoloc.raster.views import write_geotiff
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
from geoloc_lab.flight_simulator.disturbances import Kidnap
from geoloc_lab.scenarios.definitions import Scenario
from geoloc_lab.scenarios.regions import Region

SMALL = AerialCamera(default_intrinsics(64, 48), vignetting=0.0)
STRAIGHT = Scenario(
    "leg", "a leg", course="straight", duration_s=9.0, frame_rate_hz=2.0, camera=SMALL, seed=1
)
KIDNAP = Scenario(
    "taken",
    "set down elsewhere",
    course="straight",
    duration_s=9.0,
    frame_rate_hz=2.0,
    camera=SMALL,
    disturbances=(Kidnap(5.0, -60.0, 90.0),),
    seed=2,
)


def region(folder, imagery="toy", seed=3):
    """Return a square of 400 m at 1 m, whose camera image is darker and noisier."""
    folder.mkdir(parents=True, exist_ok=True)
    before = ground(400, 400, seed)
    noise = np.random.default_rng(seed).normal(0, 6, before.shape)
    after = np.clip(before * 0.85 + noise, 0, 255).astype(np.uint8)
    for name, picture in (("map.tif", before), ("flown.tif", after)):
        write_geotiff(folder / name, picture, crs="EPSG:32632", left=566_000.0, top=5_534_000.0, gsd_m=1.0)
    return Region(
        imagery,
        f"{imagery}-{seed}",
        "an invented place",
        folder / "map.tif",
        folder / "flown.tif",
        40.0,
        50.0,
    )
