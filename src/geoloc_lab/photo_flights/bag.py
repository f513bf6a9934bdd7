# SPDX-License-Identifier: Apache-2.0
"""Photos to a bag: what camera, attitude filter and altimeter would have published, and the truth."""

from collections.abc import Sequence
from pathlib import Path

from geoloc.progress import progress_bar
from geoloc_lab.bags.writing import BagRecorder
from geoloc_lab.photo_flights.folder import PhotoFrame

_NOT_MEASURED = (0.0, 0.0, 0.0)
# A photo tells its attitude and height once; a drone would have streamed them, and a sample may get lost.
_AROUND_NS = tuple(tenth * 10_000_000 for tenth in (-4, -2, 0, 2, 4))


def write_flight_bag(
    frames: Sequence[PhotoFrame], bag: Path, *, overwrite: bool = False, progress: bool = True
) -> Path:
    """Write the photos, byte for byte, with truth; attitude, height and calibration hold around each.

    Args:
        frames: in stamp order.
        bag: folder to make; a rosbag2 in mcap.
        overwrite: replace a bag of that name.
        progress: whether to show a progress bar.

    Raises:
        BagError: where the folder is taken or cannot be written.
    """
    with BagRecorder(bag, overwrite=overwrite) as recorder:
        for frame in progress_bar(frames, label="write bag", unit="photo", shown=progress):
            for around_ns in _AROUND_NS:
                stamp_ns = frame.stamp_ns + around_ns
                recorder.imu(stamp_ns, frame.quaternion, _NOT_MEASURED, _NOT_MEASURED)
                recorder.altitude(stamp_ns, frame.height_m)
                recorder.camera_info(stamp_ns, frame.intrinsics)
            recorder.truth(frame.stamp_ns, frame.truth_latitude_deg, frame.truth_longitude_deg)
            recorder.jpeg(frame.stamp_ns, frame.photo.path.read_bytes())
    return bag
