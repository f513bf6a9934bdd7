# SPDX-License-Identifier: Apache-2.0
"""What a node listens to, in words for the pilot: resolved topics and their numbers of publishers."""

import time

from rclpy.node import Node

from geoloc.errors import FrameRefused, Reason, clause
from geoloc.nodes import topics

_GONE_AFTER_S = 3.0  # a suite that starts or ends is not a node that is missing
_INPUT_OF = {
    Reason.NO_CAMERA_INFO: topics.CAMERA_INFO,
    Reason.BAD_CAMERA_INFO: topics.CAMERA_INFO,
    Reason.NO_ATTITUDE: topics.IMU,
    Reason.BAD_ATTITUDE: topics.IMU,
    Reason.NO_HEIGHT: topics.ALTITUDE,
    Reason.STALE_HEIGHT: topics.ALTITUDE,
    Reason.BAD_HEIGHT: topics.ALTITUDE,
    Reason.HEIGHT_DISAGREES: topics.ALTITUDE,
}


def listening(node: Node, *others: str) -> str:
    """Return the resolved topics that a node subscribes to, and others, separated by commas."""
    return ", ".join(sorted({subscription.topic_name for subscription in node.subscriptions} | {*others}))


def publishers(node: Node, topic: str) -> int:
    """Return the number of publishers on a topic of the node, after remapping."""
    return int(node.count_publishers(node.resolve_topic_name(topic)))


def counted(node: Node, *names: str) -> str:
    """Return topics with their publishers, such as `/geoloc/imu: 1 publisher`."""
    return ", ".join(
        f"{node.resolve_topic_name(name)}: {count} publisher{'' if count == 1 else 's'}"
        for name in names
        for count in [publishers(node, name)]
    )


def with_topics(sentence: str, node: Node, *names: str) -> str:
    """Return a sentence that ends with the topics that it is about and their publishers."""
    return f"{clause(sentence)} ({counted(node, *names)})."


def naming_input(refusal: FrameRefused, node: Node) -> FrameRefused:
    """Return a refusal of `CameraRig` with the topic of the sensor that it is about."""
    topic = _INPUT_OF.get(refusal.reason)
    if topic is None:
        return refusal
    return FrameRefused(refusal.reason, with_topics(refusal.sentence, node, topic))


class Upstream:
    """The earlier node of the suite that a node waits for.

    Args:
        node: the node that waits.
        what: what it waits for, such as "views".
        topic: topic of the earlier node.
        earlier: name of the earlier node.
    """

    def __init__(self, node: Node, what: str, topic: str, earlier: str) -> None:
        self._node = node
        self._what = what
        self._topic = topic
        self._earlier = earlier
        self._seen_s = time.monotonic()

    def is_missing(self) -> bool:
        """Return whether the earlier node is gone for good, so that it cannot say why no frame arrives."""
        now_s = time.monotonic()
        if publishers(self._node, self._topic):
            self._seen_s = now_s
        return now_s - self._seen_s > _GONE_AFTER_S

    def waits_for(self) -> str:
        """Return the sentence for the time in which nothing arrives."""
        remedy = (
            "an earlier node says why on the console"
            if publishers(self._node, self._topic)
            else f"start {self._earlier} in this namespace"
        )
        return f"no {self._what} arrive ({counted(self._node, self._topic)}); {remedy}."
