# SPDX-License-Identifier: Apache-2.0
"""One topic on which images may come: its publishers, and the quality of service that suits them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.node import Node
from rclpy.qos import (
    HistoryPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

from geoloc.settings import check, setting

_RELIABLE_DEPTH = 5  # images that are sent again arrive in bursts


@dataclass(frozen=True)
class QosOverride:
    """A user's `qos_overrides` for one subscription; the defaults leave the choice to the node."""

    history: str = setting(
        "keep_last", "history of the image subscription", choices=("keep_last", "keep_all")
    )
    depth: int = setting(
        0, "queue of the image subscription; 0 takes 1 for best effort, 5 for reliable", low=0, high=1000
    )
    reliability: str = setting(
        "auto",
        "reliability of the image subscription; auto takes reliable where every publisher offers it",
        choices=("auto", "reliable", "best_effort"),
    )

    def __post_init__(self) -> None:
        check(self)


class ImageRoute:
    """One topic on which images may come.

    Args:
        node: node that subscribes to the topic.
        topic: name of the topic, before remapping.
        kind: message class of the topic.
        override: function that reads the user's override; its argument is the prefix of the parameters.

    Attributes:
        topic: name of the topic, after remapping.
        kind: message class of the topic.
    """

    def __init__(self, node: Node, topic: str, kind: type, override: Callable[[str], QosOverride]) -> None:
        self.kind = kind
        self.topic: str = node.resolve_topic_name(topic)
        self._node = node
        self._override = override(f"{self._parameters}.")
        self._warn_of_another_name(topic)

    def _warn_of_another_name(self, topic: str) -> None:
        given: Mapping[str, Any] = getattr(self._node, "_parameter_overrides", {})
        before = f"{self._node.get_namespace().rstrip('/')}/{topic}"
        if before != self.topic and any(name.startswith(f"qos_overrides.{before}.") for name in given):
            self._node.get_logger().warning(
                f"qos_overrides.{before} has no effect, because {topic} is remapped; "
                f"rename it to qos_overrides.{self.topic}."
            )

    @property
    def reliability_parameter(self) -> str:
        """Name of the parameter that sets the reliability."""
        return f"{self._parameters}.reliability"

    @property
    def is_overridden(self) -> bool:
        """Whether the user sets the reliability."""
        return self._override.reliability != "auto"

    def publishers(self) -> list[Any]:
        """Return rclpy's information about each publisher of the topic."""
        return list(self._node.get_publishers_info_by_topic(self.topic))

    def quality(self, publishers: Sequence[Any]) -> QoSProfile:
        """Return the profile to subscribe with: reliable if all publishers are, unless the user sets it."""
        chosen = self._override.reliability
        if chosen == "auto":
            chosen = "reliable" if publishers and all(map(is_reliable, publishers)) else "best_effort"
        depth = self._override.depth or (_RELIABLE_DEPTH if chosen == "reliable" else 1)
        return QoSProfile(
            history=HistoryPolicy[self._override.history.upper()],
            depth=depth,
            reliability=ReliabilityPolicy[chosen.upper()],
        )

    def in_words(self, publishers: Sequence[Any]) -> str:
        """Return the topic and its publishers, such as `/camera/image_raw: 1 publisher`."""
        ours = self.quality(publishers)
        refused = [each for each in publishers if not _fits(each.qos_profile, ours)]
        count = len(publishers)
        words = f"{self.topic}: {count} publisher{'' if count == 1 else 's'}"
        if refused:
            words += f", {len(refused)} with incompatible QoS (remove {self.reliability_parameter})"
        return words

    @property
    def _parameters(self) -> str:
        return f"qos_overrides.{self.topic}.subscription"


def is_reliable(publisher: Any) -> bool:  # noqa: ANN401 - rclpy's TopicEndpointInfo
    """Return whether a publisher offers reliable delivery."""
    return publisher.qos_profile.reliability == ReliabilityPolicy.RELIABLE  # type: ignore[no-any-return]


def _fits(theirs: QoSProfile, ours: QoSProfile) -> bool:
    verdict, _ = qos_check_compatible(theirs, ours)
    return verdict != QoSCompatibility.ERROR  # type: ignore[no-any-return]
