# SPDX-License-Identifier: Apache-2.0
"""Chooses the topics of a rosbag2 recording to play and their names: by type or by `from:=to` arguments."""

import importlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection
from rosbags.rosbag2 import Reader

from geoloc.errors import BagError, ParameterError
from geoloc_lab.bags.bag_messages import ROS1_SUFFIX, lost_messages
from geoloc_lab.bags.damage import DAMAGE, damaged, opening
from geoloc_lab.bags.own_topics import answer_topics, own_topics
from geoloc_lab.bags.topic_choice import height_topics, own_topic_refused, reference_topics

ROLES: Mapping[str, str] = {
    "sensor_msgs/msg/Image": "image",
    "sensor_msgs/msg/CompressedImage": "image/compressed",
    "sensor_msgs/msg/CameraInfo": "camera_info",
    "sensor_msgs/msg/Imu": "imu",
    "nav_msgs/msg/Odometry": "odom",
    "sensor_msgs/msg/NavSatFix": "truth",
}
"""The topic name under which a node expects messages of a type; `height_topics` finds those of altitude."""

_TRANSFORMS = "tf2_msgs/msg/TFMessage"
_CLOCK = "rosgraph_msgs/msg/Clock"
_OPTIONAL = frozenset({"odom", "truth"})
_INPUTS = frozenset({*ROLES.values(), "altitude"})


@dataclass(frozen=True)
class PlayedTopic:
    """A topic of the bag and the topic that it is played on.

    Attributes:
        source: topic in the bag.
        target: topic to play it on; relative unless it begins with a slash.
        kind: message class of rclpy.
    """

    source: str
    target: str
    kind: type[Any]


@dataclass(frozen=True)
class TopicChoice:
    """The names under which topics are played.

    Attributes:
        renames: mapping from topics in the bag to topics to play them on; takes precedence over types.
        keep_names: whether to play every topic under its recorded name.
    """

    renames: Mapping[str, str]
    keep_names: bool = False

    @classmethod
    def of(cls, arguments: Sequence[str], *, keep_names: bool = False) -> "TopicChoice":
        """Parse `from:=to` arguments.

        Raises:
            ParameterError: for an argument of another form.
        """
        pairs = [argument.split(":=") for argument in arguments if argument]
        for pair, argument in zip(pairs, filter(None, arguments), strict=True):
            if len(pair) != 2 or not all(pair):
                raise ParameterError(
                    f"'{argument}' is not a rename; write /topic/in/the/bag:=name, such as /cam0:=image."
                )
        return cls(dict(pairs), keep_names)


class Playlist:
    """An open bag and the topics chosen from it.

    Args:
        bag: folder with metadata.yaml, or its .mcap or .db3 file.
        choice: names under which to play them.

    Attributes:
        topics: the topics to play.
        notes: a sentence for each topic that is not played although a node could use it.

    Raises:
        BagError: for a bag that is missing, damaged or empty, or that has no topic to play.
    """

    def __init__(self, bag: Path, choice: TopicChoice) -> None:
        self._bag = bag
        self._reader = _opened(bag)
        self.notes: list[str] = []
        self.topics = self._chosen(choice)

    @property
    def start_ns(self) -> int:
        """Time of the first message."""
        return self._reader.start_time

    @property
    def end_ns(self) -> int:
        """Time of the last message."""
        return self._reader.end_time - 1

    def messages(self, from_ns: int) -> Iterator[tuple[PlayedTopic, int, bytes]]:
        """Yield topic, recording time and serialized message, from recording time `from_ns` on.

        Raises:
            BagError: if the file is truncated or damaged, or holds none of the messages that it states.
        """
        by_source = {topic.source: topic for topic in self.topics}
        connections = [c for c in self._reader.connections if c.topic in by_source]
        played = self._reader.messages(connections, start=from_ns)
        for count in itertools.count():
            try:
                connection, time_ns, raw = next(played)
            except StopIteration:
                if not count and from_ns <= self.start_ns:
                    raise lost_messages(self._bag, connections[0].topic, connections[0].msgcount) from None
                return
            except DAMAGE as error:
                raise damaged(self._bag, count, error) from error
            yield by_source[connection.topic], time_ns, bytes(raw)

    def close(self) -> None:
        """Close the bag."""
        self._reader.close()

    def _chosen(self, choice: TopicChoice) -> list[PlayedTopic]:
        connections = {c.topic: c for c in self._reader.connections if c.msgtype != _CLOCK and c.msgcount}
        own = self._own(connections)
        if missing := sorted(set(choice.renames) - set(connections)):
            topics = ", ".join(sorted(connections))
            raise BagError(f"{self._bag} has no topic {', '.join(missing)}; its topics: {topics}.")
        names = dict(choice.renames)
        for source, target in names.items():
            if source in own and any(f"/{target}".endswith(f"/{name}") for name in _INPUTS):
                raise own_topic_refused(self._bag, source, target)
        others = {topic: c for topic, c in connections.items() if topic not in own}
        if choice.keep_names:
            names = {topic: topic for topic in others} | names
        else:
            names |= self._guessed(others, set(names.values()), set(names))
        found = [self._playable(connections[source], target) for source, target in names.items()]
        playable = [topic for topic in found if topic is not None]
        if not playable:
            raise BagError(
                f"{self._bag} has no topic that geoloc's nodes subscribe to (its topics: "
                f"{', '.join(sorted(connections))}); record image, camera_info, imu and altitude, "
                "or give --keep-names."
            )
        return playable

    def _own(self, connections: Mapping[str, Connection]) -> frozenset[str]:
        """Return the topics that geoloc's nodes published, and note that they are not played."""
        own = own_topics({topic: c.msgtype for topic, c in connections.items()})
        left = {topic: c.msgtype for topic, c in connections.items() if topic not in own}
        positions = [topic for topic, kind in left.items() if ROLES.get(kind) == "truth"]
        images = [topic for topic, kind in left.items() if ROLES.get(kind, "").startswith("image")]
        own |= answer_topics(self._bag, positions, images)
        if own:
            self.notes.append(
                f"{', '.join(sorted(own))} are not played, because geoloc's own nodes published them."
            )
        return own

    def _guessed(
        self, connections: Mapping[str, Connection], taken: set[str], done: set[str]
    ) -> dict[str, str]:
        names = {}
        free = [c for topic, c in connections.items() if topic not in done]
        by_name = {name: [c.topic for c in free if c.msgtype == kind] for kind, name in ROLES.items()}
        by_name["altitude"] = height_topics(free)
        by_name["truth"] = reference_topics(by_name["truth"])
        for name, sources in by_name.items():
            if name in taken or not sources:
                continue
            exact = [topic for topic in sources if topic.endswith(f"/{name}")]
            if len(exact or sources) == 1:
                names[(exact or sources)[0]] = name
            elif name in _OPTIONAL:
                self.notes.append(
                    f"{name} is not played: several topics have its type ({', '.join(sources)}); "
                    f"choose one with {sources[0]}:={name}."
                )
            else:
                kind = connections[sources[0]].msgtype
                raise BagError(
                    f"{self._bag} has several topics of type {kind} ({', '.join(sources)}); "
                    f"choose one with {sources[0]}:={name}."
                )
        return names | {t: t for t, c in connections.items() if c.msgtype == _TRANSFORMS and t not in done}

    def _playable(self, connection: Connection, target: str) -> PlayedTopic | None:
        package, _, name = connection.msgtype.replace("/msg/", "/").partition("/")
        try:
            kind = getattr(importlib.import_module(f"{package}.msg"), name)
        except (ImportError, AttributeError):
            self.notes.append(
                f"{connection.topic} is not played: {connection.msgtype} cannot be imported; "
                f"install the package {package}."
            )
            return None
        return PlayedTopic(connection.topic, target, kind)


def _opened(bag: Path) -> Reader:
    if bag.suffix == ROS1_SUFFIX and bag.is_file():
        raise BagError(
            f"{bag} is a ROS 1 bag, which cannot be played; run `rosbags-convert --src {bag} --dst "
            f"{bag.with_suffix('')}`, and play that folder."
        )
    with opening(bag):
        reader = Reader(bag)
        reader.open()
    if not reader.message_count:
        reader.close()
        raise BagError(f"{bag} holds no messages; record it again.")
    return reader
