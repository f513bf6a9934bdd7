# SPDX-License-Identifier: Apache-2.0
"""Reads a rosbag2 recording (mcap or sqlite3) without ROS, as typed samples in stamp order.

Topics are found by their message type. Names are needed only if a bag holds several topics of one type.
"""

import heapq
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from functools import cache, partial
from pathlib import Path
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import Connection
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from geoloc.arrays import Float64Array
from geoloc.camera import heights, messages
from geoloc.camera.lens import Intrinsics
from geoloc.errors import BagError, FrameRefused, clause
from geoloc_lab.bags.damage import DAMAGE, opening
from geoloc_lab.bags.truth_track import TruthTrack

_TYPES = {
    "image": ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"),
    "camera_info": ("sensor_msgs/msg/CameraInfo",),
    "imu": ("sensor_msgs/msg/Imu",),
    "altitude": heights.TYPES,
    "odom": ("nav_msgs/msg/Odometry",),
    "truth": ("sensor_msgs/msg/NavSatFix",),
}
_MAVROS_ALTITUDE = """std_msgs/Header header
float32 monotonic
float32 amsl
float32 local
float32 relative
float32 terrain
float32 bottom_clearance
"""
_REORDER_NS = 1_000_000_000  # longest delay between a message's stamp and its recording


@dataclass(frozen=True)
class Topics:
    """Names of the topics to read: None finds the topic by its type, "" ignores it."""

    image: str | None = None
    camera_info: str | None = None
    imu: str | None = None
    altitude: str | None = None
    odom: str | None = None
    truth: str | None = None


@dataclass(frozen=True)
class ImageSample:
    """A frame as recorded; `messages.decode_image(sample.message)` decodes it."""

    stamp_ns: int
    message: Any


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
    """Intrinsics of the images that follow."""

    stamp_ns: int
    intrinsics: Intrinsics


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
    """A bag on disk: its topics, truth and samples; `read_flight` opens one."""

    def __init__(self, bag: Path, topics: Topics, image_count: int) -> None:
        self.bag = bag
        self.topics = topics
        self.image_count = image_count

    def samples(self, *, by_arrival: bool = False, altitude_reference: str = "auto") -> Iterator[Sample]:
        """Yield the samples in the order of their header stamps; one without a header has its recording time.

        Args:
            by_arrival: yield them in the order in which they were recorded instead.
            altitude_reference: what heights are measured from; see `geoloc.camera.heights`.

        Raises:
            BagError: if the file is truncated or damaged.
        """
        arrived = self._arriving(altitude_reference)
        return arrived if by_arrival else _in_stamp_order(arrived)

    def _arriving(self, altitude_reference: str) -> Iterator[Sample]:
        makers: dict[str, _Maker] = {**_MAKERS, "altitude": partial(_height_sample, altitude_reference)}
        roles: dict[str, list[str]] = {}
        for role in makers:
            roles.setdefault(getattr(self.topics, role), []).append(role)
        roles.pop("", None)
        for topic, time_ns, message in _messages(self.bag, set(roles)):
            stamp_ns = messages.stamp_ns(message) if hasattr(message, "header") else time_ns
            for role in roles[topic]:
                yield _sample(topic, stamp_ns, message, makers[role])

    def truth(self) -> TruthTrack:
        """Return the reference track of the bag's truth topic.

        Raises:
            BagError: if the bag has no truth topic, or no truth position.
        """
        topic = self.topics.truth
        if not topic:
            raise BagError(
                f"{self.bag} holds no sensor_msgs/NavSatFix topic as truth; give --truth FILE.csv with "
                "columns stamp_ns, latitude, longitude."
            )
        rows = [
            (messages.stamp_ns(m), float(m.latitude), float(m.longitude))
            for _, _, m in _messages(self.bag, {topic})
        ]
        return TruthTrack.of(rows, f"{topic} in {self.bag.name}")


def read_flight(bag: Path, topics: Topics | None = None) -> Flight:
    """Open a rosbag2 recording and find its topics.

    Args:
        bag: the bag's folder (with metadata.yaml), or its .mcap file.
        topics: names of topics whose type is ambiguous. Among several NavSatFix topics, the one named
            `truth` is read by default.

    Raises:
        BagError: for a bag that is missing, damaged, empty or without images, or whose topics are ambiguous.
    """
    with closing(_opened(bag)) as reader:
        connections = list(reader.connections)
    found = Topics(**{f.name: _find(bag, f.name, connections, topics or Topics()) for f in fields(Topics)})
    images = sum(c.msgcount for c in connections if c.topic == found.image)
    if not images:
        raise BagError(f"{bag} holds no images; record a sensor_msgs/Image or CompressedImage topic.")
    return Flight(bag, found, images)


def height_topics(connections: Collection[Connection]) -> list[str]:
    """Return the topics of the first type that has any; a type that may hold more must be named altitude."""
    for kind in heights.TYPES:
        topics = sorted({c.topic for c in connections if c.msgtype == kind})
        if not heights.states_reference(kind):
            topics = [topic for topic in topics if topic.endswith("/altitude")]
        if topics:
            return topics
    return []


def _in_stamp_order(samples: Iterator[Sample]) -> Iterator[Sample]:
    waiting: list[tuple[int, int, Sample]] = []
    newest_ns = 0
    for count, sample in enumerate(samples):
        newest_ns = max(newest_ns, sample.stamp_ns)
        heapq.heappush(waiting, (sample.stamp_ns, count, sample))
        while waiting and waiting[0][0] < newest_ns - _REORDER_NS:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _find(bag: Path, role: str, connections: list[Connection], wanted: Topics) -> str:
    name = getattr(wanted, role)
    of_type = sorted({c.topic for c in connections if c.msgtype in _TYPES[role]})
    if name is not None:
        if name and name not in of_type:
            raise BagError(
                f"{bag} has no topic {name} of type {' or '.join(_TYPES[role])}; its topics of that type: "
                f"{', '.join(of_type) or 'none'}."
            )
        return str(name)
    if role == "altitude":
        of_type = height_topics(connections)
    elif role == "truth":
        of_type = [topic for topic in of_type if topic.endswith("/truth")] or of_type
    if len(of_type) > 1:
        raise BagError(
            f"{bag} has several {role} topics ({', '.join(of_type)}); name one with --topic {role}=NAME."
        )
    return of_type[0] if of_type else ""


def _opened(bag: Path) -> AnyReader:
    with opening(bag):
        reader = AnyReader([bag], default_typestore=_typestore())
        reader.open()
    return reader


@cache
def _typestore() -> Typestore:
    """Return the message definitions for bags that do not contain their own."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(_MAVROS_ALTITUDE, heights.MAVROS_ALTITUDE))
    return store


def _messages(bag: Path, topics: set[str]) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, recording time and message."""
    reader = _opened(bag)
    count = 0
    try:
        chosen = [connection for connection in reader.connections if connection.topic in topics]
        for connection, time_ns, raw in reader.messages(connections=chosen) if chosen else ():
            yield connection.topic, time_ns, reader.deserialize(raw, connection.msgtype)
            count += 1
    except DAMAGE as error:
        raise BagError(
            f"{bag} is truncated or damaged after {count} messages ({clause(error)}); copy it again."
        ) from error
    finally:
        reader.close()


def _sample(topic: str, stamp_ns: int, message: Any, maker: _Maker) -> Sample:  # noqa: ANN401
    try:
        return maker(stamp_ns, message)
    except FrameRefused as refusal:
        return FaultySample(stamp_ns, topic, refusal)


def _height_sample(reference: str, stamp_ns: int, message: Any) -> HeightSample:  # noqa: ANN401
    kind = message.__msgtype__
    return HeightSample(stamp_ns, heights.height_m(kind, message, reference), heights.may_slant(kind))


_MAKERS: dict[str, _Maker] = {
    "image": ImageSample,
    "imu": lambda stamp_ns, message: AttitudeSample(stamp_ns, messages.quaternion(message)),
    "camera_info": lambda stamp_ns, message: CameraSample(stamp_ns, messages.intrinsics(message)),
    "odom": lambda stamp_ns, message: OdometrySample(stamp_ns, *messages.odometry_m(message)),
}
