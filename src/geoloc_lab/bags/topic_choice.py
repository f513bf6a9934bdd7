# SPDX-License-Identifier: Apache-2.0
"""Chooses the topics of a recording that are read as image, attitude, height and so on."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path

from rosbags.interfaces import Connection

from geoloc.camera import heights
from geoloc.errors import BagError
from geoloc.nodes.topic_names import IMAGE, INITIAL_FIX, TRUTH
from geoloc_lab.bags.own_topics import answer_topics, own_topics

_TYPES = {
    "image": ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"),
    "camera_info": ("sensor_msgs/msg/CameraInfo",),
    "imu": ("sensor_msgs/msg/Imu",),
    "altitude": heights.TYPES,
    "odom": ("nav_msgs/msg/Odometry",),
    "truth": ("sensor_msgs/msg/NavSatFix",),
}


@dataclass(frozen=True)
class Topics:
    """Names of the topics to read: None finds the topic by its type, "" ignores it."""

    image: str | None = None
    camera_info: str | None = None
    imu: str | None = None
    altitude: str | None = None
    odom: str | None = None
    truth: str | None = None


def choose_topics(bag: Path, connections: Collection[Connection], wanted: Topics) -> Topics:
    """Find the topics of a recording by their types; what geoloc's own nodes published is never chosen.

    Among several NavSatFix topics, the one named `truth` is chosen.

    Raises:
        BagError: if topics are ambiguous, or a wanted one is missing or geoloc's own.
    """
    own = own_topics({connection.topic: connection.msgtype for connection in connections})
    found = Topics(
        **{f.name: _find(bag, f.name, connections, wanted, own) for f in fields(Topics) if f.name != TRUTH}
    )
    positions, images = (
        {c.topic for c in connections if c.msgtype in _TYPES[role]} - own for role in (TRUTH, IMAGE)
    )
    answers = answer_topics(bag, positions, images) if wanted.truth != "" else frozenset()
    return replace(found, truth=_find(bag, TRUTH, connections, wanted, own | answers))


def height_topics(connections: Collection[Connection]) -> list[str]:
    """Return the topics of the first type that has any; a type that may hold more must be named altitude."""
    for kind in heights.TYPES:
        topics = sorted({c.topic for c in connections if c.msgtype == kind})
        if not heights.states_reference(kind):
            topics = [topic for topic in topics if topic.endswith("/altitude")]
        if topics:
            return topics
    return []


def _find(
    bag: Path, role: str, connections: Collection[Connection], wanted: Topics, own: Collection[str]
) -> str:
    name = getattr(wanted, role)
    of_type = sorted({c.topic for c in connections if c.msgtype in _TYPES[role]})
    if name is not None:
        if name in own:
            raise own_topic_refused(bag, name, role)
        if name and name not in of_type:
            raise BagError(
                f"{bag} has no topic {name} of type {' or '.join(_TYPES[role])}; its topics of that type: "
                f"{', '.join(of_type) or 'none'}."
            )
        return str(name)
    of_type = [topic for topic in of_type if topic not in own]
    if role == "altitude":
        of_type = height_topics(connections)
    elif role == TRUTH:
        of_type = reference_topics(of_type)
    if len(of_type) > 1:
        raise BagError(
            f"{bag} has several {role} topics ({', '.join(of_type)}); name one with --topic {role}=NAME."
        )
    return of_type[0] if of_type else ""


def reference_topics(positions: Collection[str]) -> list[str]:
    """Return the NavSatFix topics that may be the truth: those named so, else all but hints to geoloc."""
    named = [topic for topic in positions if topic.endswith(f"/{TRUTH}")]
    return named or [topic for topic in positions if not topic.endswith(f"/{INITIAL_FIX}")]


def own_topic_refused(bag: Path, topic: str, role: str) -> BagError:
    """Return the refusal of a topic of geoloc's own as an input."""
    return BagError(
        f"{topic} in {bag} was published by geoloc's own nodes, so it cannot be {role}; name a topic of the "
        "drone, or none."
    )
