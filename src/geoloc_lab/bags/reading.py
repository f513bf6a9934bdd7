# SPDX-License-Identifier: Apache-2.0
"""Reads a recording without ROS, as typed samples in stamp order.

Topics are found by their message type. Names are needed only if a bag holds several topics of one type.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from geoloc.arrays import Float64Array, UInt8Array
from geoloc.camera import heights, messages
from geoloc.camera.lens import Intrinsics
from geoloc.camera.levels import Levels
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc_lab.bags.bag_messages import messages_of, opened, unstamped_topics
from geoloc_lab.bags.odometry_track import OdometryTrack
from geoloc_lab.bags.own_topics import own_topics
from geoloc_lab.bags.topic_choice import Topics, choose_topics
from geoloc_lab.bags.truth_samples import truth_sample
from geoloc_lab.bags.truth_track import TruthTrack

_REORDER_NS = 1_000_000_000  # longest delay between a message's stamp and its recording
_UNTIMED = "camera_info"  # the role whose stamp does not matter
_REASONS = {
    "image": Reason.BAD_IMAGE,
    "imu": Reason.BAD_ATTITUDE,
    "altitude": Reason.BAD_HEIGHT,
    "odom": Reason.LATE,
}


@dataclass(frozen=True)
class ImageSample:
    """A frame as recorded, not yet decoded."""

    stamp_ns: int
    message: Any
    refusal: FrameRefused | None = None

    def decode(self, levels: Levels | None = None) -> UInt8Array:
        """Return the image, uint8 RGB (H, W, 3); see `messages.decode_image` for `levels`.

        Raises:
            FrameRefused: if the image is damaged, or has no stamp.
        """
        if self.refusal is not None:
            raise self.refusal
        return messages.decode_image(self.message, levels)


@dataclass(frozen=True)
class AttitudeSample:
    """Rotation from body (forward, left, up) to east, north, up: x, y, z, w."""

    stamp_ns: int
    quaternion: tuple[float, float, float, float]


@dataclass(frozen=True)
class HeightSample:
    """Height above ground or above take-off, metres; one that may slant is measured along `altitude_axis`."""

    stamp_ns: int
    height_m: float
    may_slant: bool = False


@dataclass(frozen=True)
class CameraSample:
    """Intrinsics of the images that follow, and the frame_id of their CameraInfo."""

    stamp_ns: int
    intrinsics: Intrinsics
    frame_id: str = ""


@dataclass(frozen=True, eq=False)
class OdometrySample:
    """Position in the odometry frame, metres, and its covariance (2, 2)."""

    stamp_ns: int
    position_m: tuple[float, float]
    covariance_m2: Float64Array


@dataclass(frozen=True)
class FaultySample:
    """A message that cannot be used, and the reason."""

    stamp_ns: int
    topic: str
    refusal: FrameRefused


Sample = ImageSample | AttitudeSample | HeightSample | CameraSample | OdometrySample | FaultySample
_Maker = Callable[[int, Any], Sample]


class Flight:
    """A bag on disk: its topics, truth and samples; `read_flight` opens one.

    Attributes:
        bag: path of the bag.
        topics: the topics that are read, by role.
        image_count: number of images.
        unstamped: topics whose messages have no header.stamp of their own.
        own: topics that geoloc's own nodes published; they are not read.
    """

    def __init__(
        self, bag: Path, topics: Topics, image_count: int, unstamped: frozenset[str], own: frozenset[str]
    ) -> None:
        self.bag = bag
        self.topics = topics
        self.image_count = image_count
        self.unstamped = unstamped
        self.own = own

    def samples(
        self,
        *,
        by_arrival: bool = False,
        altitude_reference: str = "auto",
        rectified: bool = False,
        recording_times: bool = False,
    ) -> Iterator[Sample]:
        """Yield the samples in the order of their header stamps; one without a header has its recording time.

        Args:
            by_arrival: yield them in the order in which they were recorded instead.
            altitude_reference: what heights are measured from; see `geoloc.camera.heights`.
            rectified: whether the images are already undistorted; see `geoloc.camera.messages.intrinsics`.
            recording_times: whether recording times count for topics whose stamps were never set; else their
                frames and samples are refused.

        Raises:
            BagError: if the file is truncated or damaged.
        """
        makers: dict[str, _Maker] = {
            **_MAKERS,
            "altitude": partial(_height_sample, altitude_reference),
            "camera_info": partial(_camera_sample, rectified),
        }
        arrived = self._arriving(makers, recording_times)
        return arrived if by_arrival else _in_stamp_order(arrived)

    def _arriving(self, makers: dict[str, _Maker], recording_times: bool) -> Iterator[Sample]:
        roles: dict[str, list[str]] = {}
        for role in makers:
            roles.setdefault(getattr(self.topics, role), []).append(role)
        roles.pop("", None)
        zeros: Counter[str] = Counter()
        for topic, time_ns, message in messages_of(self.bag, set(roles)):
            stamp_ns = self._stamp_ns(topic, time_ns, message)
            zeros[topic] += stamp_ns == 0
            # A simulation may begin at 0; several zeros are messages from before its clock.
            is_set = stamp_ns != 0 or zeros[topic] == 1
            is_timed = is_set and (recording_times or topic not in self.unstamped)
            for role in roles[topic]:
                sample = _sample(topic, stamp_ns, message, makers[role])
                yield sample if is_timed or role == _UNTIMED else _refused(sample, topic, role)

    def _stamp_ns(self, topic: str, time_ns: int, message: Any) -> int:  # noqa: ANN401
        has_stamp = hasattr(message, "header") and topic not in self.unstamped
        return messages.stamp_ns(message) if has_stamp else time_ns

    def truth(self, max_gap_s: float = TruthTrack.max_gap_s) -> TruthTrack:
        """Return the reference track of the bag's truth topic.

        Args:
            max_gap_s: longest gap across which the track is interpolated.

        Raises:
            BagError: if the bag has no truth topic, or no truth position.
        """
        topic = self.topics.truth
        if not topic:
            own = f" (geoloc's own {', '.join(sorted(self.own))} are none)" if self.own else ""
            raise BagError(
                f"{self.bag} holds no sensor_msgs/NavSatFix topic as truth{own}; give --truth FILE.csv with "
                "columns stamp_ns, latitude, longitude."
            )
        samples = [
            truth_sample(message)._replace(stamp_ns=self._stamp_ns(topic, time_ns, message))
            for _, time_ns, message in messages_of(self.bag, {topic})
        ]
        return TruthTrack.of(samples, f"{topic} in {self.bag.name}", max_gap_s, self._moved_m)

    @cached_property
    def _odometry(self) -> OdometryTrack:
        topic = self.topics.odom
        heard = messages_of(self.bag, {topic}) if topic else ()
        return OdometryTrack(
            (self._stamp_ns(topic or "", time_ns, m), *messages.odometry_m(m)[0]) for _, time_ns, m in heard
        )

    def remarks(self) -> list[str]:
        """Return a sentence for each property of the recording that the reader of a report must know."""
        if not self.unstamped:
            return []
        return [
            f"the messages of {', '.join(sorted(self.unstamped))} have no header.stamp of their own; where "
            "they are used, their recording times count."
        ]

    def _moved_m(self, start_ns: int, end_ns: int) -> float:
        return self._odometry.moved_m(start_ns, end_ns)  # read only if positions repeat


def read_flight(bag: Path, topics: Topics | None = None) -> Flight:
    """Open a recording and find its topics.

    Args:
        bag: folder of a rosbag2 (with metadata.yaml), its .mcap or .db3 file, or a ROS 1 bag.
        topics: names of topics whose type is ambiguous. Among several NavSatFix topics, the one named
            `truth` is read by default.

    Raises:
        BagError: for a bag that is missing, damaged, empty or without images, or whose topics are ambiguous.
    """
    with closing(opened(bag)) as reader:
        connections = list(reader.connections)
        found = choose_topics(bag, connections, topics or Topics())
        timed = {getattr(found, field.name) for field in fields(Topics) if field.name != _UNTIMED}
        unstamped = unstamped_topics(reader, timed)
    images = sum(c.msgcount for c in connections if c.topic == found.image)
    if not images:
        raise BagError(
            f"{bag} holds no images of a camera; record a sensor_msgs/Image or CompressedImage topic."
        )
    return Flight(bag, found, images, unstamped, own_topics({c.topic: c.msgtype for c in connections}))


def _in_stamp_order(samples: Iterator[Sample]) -> Iterator[Sample]:
    waiting: list[tuple[int, int, Sample]] = []
    newest_ns = 0
    for count, sample in enumerate(samples):
        stamp_ns = sample.stamp_ns
        if isinstance(sample, CameraSample) and abs(stamp_ns - newest_ns) > _REORDER_NS:
            stamp_ns = newest_ns  # a latched CameraInfo counts from its arrival, whenever it was made
        newest_ns = max(newest_ns, stamp_ns)
        heapq.heappush(waiting, (stamp_ns, count, sample))
        while waiting and waiting[0][0] < newest_ns - _REORDER_NS:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _refused(sample: Sample, topic: str, role: str) -> Sample:
    """Return a sample without a usable stamp as one that cannot be used."""
    refusal = FrameRefused(
        _REASONS[role],
        f"the messages of {topic} have no header.stamp of their own; let the driver fill it in, or give "
        "`geoloc evaluate` --recording-times to take the times at which they were recorded.",
    )
    if isinstance(sample, ImageSample):
        return replace(sample, refusal=refusal)
    return FaultySample(sample.stamp_ns, topic, refusal)


def _sample(topic: str, stamp_ns: int, message: Any, maker: _Maker) -> Sample:  # noqa: ANN401
    try:
        return maker(stamp_ns, message)
    except FrameRefused as refusal:
        return FaultySample(stamp_ns, topic, refusal)


def _height_sample(reference: str, stamp_ns: int, message: Any) -> HeightSample:  # noqa: ANN401
    kind = message.__msgtype__
    return HeightSample(stamp_ns, heights.height_m(kind, message, reference), heights.may_slant(kind))


def _camera_sample(rectified: bool, stamp_ns: int, message: Any) -> CameraSample:  # noqa: ANN401
    intrinsics = messages.intrinsics(message, rectified=rectified)
    return CameraSample(stamp_ns, intrinsics, str(message.header.frame_id))


_MAKERS: dict[str, _Maker] = {
    "image": ImageSample,
    "imu": lambda stamp_ns, message: AttitudeSample(stamp_ns, messages.quaternion(message)),
    "odom": lambda stamp_ns, message: OdometrySample(stamp_ns, *messages.odometry_m(message)),
}
