# SPDX-License-Identifier: Apache-2.0
"""Opens a recording (rosbag2 in mcap or sqlite3, or a ROS 1 bag) without ROS and yields its messages."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from geoloc.camera import heights
from geoloc.errors import BagError
from geoloc_lab.bags.damage import DAMAGE, damaged, opening

ROS1_SUFFIX = ".bag"
_WITHOUT_HEADER = ("std_msgs/msg/Float64",)
_STAMP = slice(4, 12)  # after the encapsulation of CDR, or the sequence number of ROS 1
_CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
_MAVROS_ALTITUDE = """std_msgs/Header header
float32 monotonic
float32 amsl
float32 local
float32 relative
float32 terrain
float32 bottom_clearance
"""


def opened(bag: Path) -> AnyReader:
    """Open a recording.

    Raises:
        BagError: if it is missing, empty, damaged or not a bag.
    """
    with opening(bag):
        reader = AnyReader([bag], default_typestore=_typestore())
        reader.open()
    return reader


def messages_of(bag: Path, topics: Collection[str]) -> Iterator[tuple[str, int, Any]]:
    """Yield topic, recording time and message of some topics, in the order of recording.

    Raises:
        BagError: if the file is truncated or damaged, or holds fewer messages than it says.
    """
    reader = opened(bag)
    counts: Counter[str] = Counter()
    try:
        chosen = [connection for connection in reader.connections if connection.topic in topics]
        for connection, time_ns, raw in reader.messages(connections=chosen) if chosen else ():
            message = reader.deserialize(raw, connection.msgtype)
            if not reader.is2 and connection.msgtype == _CAMERA_INFO:
                message = _named_as_in_ros2(message)
            yield connection.topic, time_ns, message
            counts[connection.topic] += 1
        for connection in chosen:
            if connection.msgcount and not counts[connection.topic]:
                raise lost_messages(bag, connection.topic, connection.msgcount)
    except DAMAGE as error:
        raise damaged(bag, counts.total(), error) from error
    finally:
        reader.close()


def unstamped_topics(reader: AnyReader, topics: Collection[str]) -> frozenset[str]:
    """Return the topics whose messages all have one and the same header.stamp, as 0, of an open recording.

    Only the stamps are looked at, of all messages only where the first two are equal.
    """
    chosen = [c for c in reader.connections if c.topic in topics and c.msgtype not in _WITHOUT_HEADER]
    found = set()
    for connection in chosen:
        stamps = (bytes(raw[_STAMP]) for _, _, raw in reader.messages(connections=[connection]))
        with suppress(*DAMAGE):  # whoever reads the messages tells of the damage
            first = next(stamps, None)
            if connection.msgcount > 1 and all(stamp == first for stamp in stamps):
                found.add(connection.topic)
    return frozenset(found)


def lost_messages(bag: Path, topic: str, count: int) -> BagError:
    """Return the error of a recording in which none of the stated messages is found."""
    return BagError(
        f"{bag} states {count} messages on {topic}, but none is found, as in an mcap file without message "
        f"index; rewrite it with `mcap recover {bag.name} -o whole.mcap`."
    )


def _named_as_in_ros2(camera_info: Any) -> SimpleNamespace:  # noqa: ANN401 - a message of rosbags
    """Return a CameraInfo of ROS 1, whose D, K, R and P are in capitals, with the names of ROS 2."""
    return SimpleNamespace(**{name.lower(): value for name, value in vars(camera_info).items()})


@cache
def _typestore() -> Typestore:
    """Return the message definitions for bags that do not contain their own."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(_MAVROS_ALTITUDE, heights.MAVROS_ALTITUDE))
    return store
