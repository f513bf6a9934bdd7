# SPDX-License-Identifier: Apache-2.0
"""Finds what geoloc's own nodes published in a recording of all topics, which is neither truth nor camera.

The names and types of `geoloc.nodes.topic_names` tell it. A renamed `fix` is known by its content.
"""

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from geoloc.nodes import topic_names as names
from geoloc.nodes.startup.programs import BringUp
from geoloc_lab.bags.bag_messages import messages_of
from geoloc_lab.bags.truth_samples import has_fix

_TELLING = frozenset({names.VIEW_IMAGE, names.VIEW_OFFSET, names.DESCRIPTOR})
_TELLING_TOGETHER = frozenset({names.GEOPOINT, names.CANDIDATES, names.MAP_ORIGIN, names.REFUSALS})
_NAV_SAT_FIX = names.PUBLISHED[names.FIX]
_COVARIANCES_OF_ANSWERS = (1, 3)  # APPROXIMATED, KNOWN; receivers state neither in a camera's frame
_LOOKED_AT = 200


def own_topics(types: Mapping[str, str]) -> frozenset[str]:
    """Return the topics that geoloc's nodes published, in any namespace.

    A namespace is geoloc's if it is named so, or if it holds a topic that only geoloc has, such as
    `view/offset`, or two of those that few others have. So `/gps/fix` of a receiver is not geoloc's.

    Args:
        types: type of each topic of the recording, such as "sensor_msgs/msg/Image".
    """
    found: dict[str, dict[str, str]] = {}
    for topic, kind in types.items():
        for name, published in names.PUBLISHED.items():
            is_view = name == names.VIEW_IMAGE and f"/{name}/" in topic  # such as view/image/compressed
            if (kind == published and topic.endswith(f"/{name}")) or is_view:
                found.setdefault(topic[: topic.rindex(f"/{name}")], {})[topic] = name
    return frozenset(
        topic
        for namespace, own in found.items()
        if _is_geolocs(namespace, set(own.values()))
        for topic in own
    )


def answer_topics(bag: Path, positions: Collection[str], images: Collection[str]) -> frozenset[str]:
    """Return the NavSatFix topics whose messages are answers of geoloc, by their content.

    An answer has the frame_id of a camera's images, no satellite service, and a full covariance.

    Args:
        bag: the recording.
        positions: NavSatFix topics.
        images: topics of cameras.

    Raises:
        BagError: if the recording is damaged.
    """
    if not positions:
        return frozenset()
    first = [next(messages_of(bag, {topic}), None) for topic in images]
    frame_ids = {found[2].header.frame_id for found in first if found is not None} - {""}
    return frozenset(topic for topic in positions if frame_ids and _are_answers(bag, topic, frame_ids))


def _are_answers(bag: Path, topic: str, frame_ids: Collection[str]) -> bool:
    looked_at = itertools.islice(messages_of(bag, {topic}), _LOOKED_AT)
    fixed = next((message for _, _, message in looked_at if has_fix(message)), None)
    return fixed is not None and _is_answer(fixed, frame_ids)


def _is_answer(fix: Any, frame_ids: Collection[str]) -> bool:  # noqa: ANN401 - a NavSatFix of rosbags
    return (
        fix.header.frame_id in frame_ids
        and fix.status.service == 0
        and fix.position_covariance_type in _COVARIANCES_OF_ANSWERS
    )


def _is_geolocs(namespace: str, published: set[str]) -> bool:
    return (
        namespace.rpartition("/")[2] == BringUp.namespace
        or bool(published & _TELLING)
        or (len(published) > 1 and bool(published & _TELLING_TOGETHER))
    )
