# SPDX-License-Identifier: Apache-2.0
"""A recording played to a camera rig: every frame comes once the samples around it are in."""

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

_PATIENCE_NS = 500_000_000  # how long a frame waits for the attitude that follows it


def frames_when_ready(
    samples: Iterable[Sample], take: Callable[[Sample], None], ready: Callable[[int], bool]
) -> Iterator[ImageSample]:
    """Yield each frame once the samples around it are in, as a node that waits a little would.

    Args:
        samples: of a flight, in stamp order.
        take: is given all that are no images.
        ready: whether an attitude at or after a stamp has come.
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
    """Give a rig a sample that is no image.

    Raises:
        FrameRefused: the sample cannot be used.
    """
    if isinstance(sample, AttitudeSample):
        rig.add_attitude(sample.stamp_ns, sample.quaternion)
    elif isinstance(sample, HeightSample):
        rig.add_height(sample.stamp_ns, sample.height_m)
    elif isinstance(sample, CameraSample):
        rig.set_intrinsics(sample.intrinsics)
    elif isinstance(sample, FaultySample):
        raise sample.refusal
