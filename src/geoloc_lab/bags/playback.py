# SPDX-License-Identifier: Apache-2.0
"""Feeds a recording to a camera rig and releases each frame once the samples around it have arrived."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from geoloc.camera.rig import CameraRig
from geoloc_lab.bags.reading import (
    AttitudeSample,
    CameraSample,
    FaultySample,
    HeightSample,
    ImageSample,
    Sample,
)

_PATIENCE_NS = 500_000_000  # longest wait of a frame for the attitude that follows it


def frames_when_ready(
    samples: Iterable[Sample], take: Callable[[Sample], None], ready: Callable[[int], bool]
) -> Iterator[ImageSample]:
    """Yield each frame once the samples around it have arrived, as camera_node does.

    Args:
        samples: a flight's samples, in stamp order.
        take: function called with every sample that is not an image.
        ready: function that returns True once an attitude at or after a stamp has arrived.
    """
    waiting: deque[ImageSample] = deque()

    def due(frame: ImageSample, now_ns: int) -> bool:
        if now_ns <= frame.stamp_ns:
            return False
        return ready(frame.stamp_ns) or now_ns > frame.stamp_ns + _PATIENCE_NS

    for sample in samples:
        while waiting and due(waiting[0], sample.stamp_ns):
            yield waiting.popleft()
        if isinstance(sample, ImageSample):
            waiting.append(sample)
        else:
            take(sample)
    yield from waiting


def feed(rig: CameraRig, sample: Sample) -> None:
    """Pass a sample that is not an image to a rig.

    Raises:
        FrameRefused: if the sample cannot be used.
    """
    if isinstance(sample, AttitudeSample):
        rig.add_attitude(sample.stamp_ns, sample.quaternion)
    elif isinstance(sample, HeightSample):
        rig.add_height(sample.stamp_ns, sample.height_m, may_slant=sample.may_slant)
    elif isinstance(sample, CameraSample):
        rig.set_intrinsics(sample.intrinsics)
    elif isinstance(sample, FaultySample):
        raise sample.refusal
