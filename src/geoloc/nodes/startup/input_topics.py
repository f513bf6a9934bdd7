# SPDX-License-Identifier: Apache-2.0
"""Names of the topics that the nodes read, and the remappings that follow from them; does not import ROS."""

import re
from dataclasses import dataclass, fields

from geoloc.errors import ParameterError
from geoloc.settings import check, setting, settings_of

_TOPIC = re.compile(r"(~?/)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True)
class InputTopics:
    """The drone's names of the topics that the nodes read; the defaults are geoloc's own names.

    Each field is a launch argument and an option of `geoloc up`. A name is relative to the namespace of the
    nodes unless it begins with a slash. A default is not remapped, so that a remapping of the user's holds.

    Raises:
        ParameterError: if a name is no topic name in ROS.
    """

    image_topic: str = setting(
        "image", "topic of the camera's images; TOPIC/compressed and the camera_info beside it are read, too"
    )
    camera_info_topic: str = setting("", "topic of the calibration; if empty, camera_info beside the image")
    imu_topic: str = setting("imu", "topic of the attitude")
    altitude_topic: str = setting("altitude", "topic of the height")
    odom_topic: str = setting("odom", "topic of the odometry")
    initial_fix_topic: str = setting("initial_fix", "topic of known positions to start from")
    tf_topic: str = setting("/tf", "topic of the transforms, if use_tf is true; TOPIC_static is read, too")

    def __post_init__(self) -> None:
        check(self)
        for name, topic in self._changed().items():
            if not _TOPIC.fullmatch(topic):
                raise ParameterError(
                    f"{name} is '{topic}', which is no topic name in ROS; write one such as /mavros/imu/data."
                )

    def remappings(self) -> tuple[tuple[str, str], ...]:
        """Return the topics that have another name, as pairs of geoloc's name and the drone's."""
        changed = self._changed()
        pairs = [(_OWN_NAMES[name], topic) for name, topic in changed.items()]
        if image := changed.get("image_topic"):
            pairs.append(("image/compressed", f"{image}/compressed"))
            if "camera_info_topic" not in changed:
                pairs.append(("camera_info", _beside(image)))
        if tf := changed.get("tf_topic"):
            pairs.append(("/tf_static", f"{tf}_static"))
        return tuple(pairs)

    def _changed(self) -> dict[str, str]:
        """Return the names that differ from their default, by field."""
        given = {field.name: str(getattr(self, field.name)) for field in fields(self)}
        return {name: topic for name, topic in given.items() if topic != _DEFAULTS[name]}


_DEFAULTS = {name: str(declared.default) for name, declared in settings_of(InputTopics).items()}
_OWN_NAMES = _DEFAULTS | {"camera_info_topic": "camera_info"}


def _beside(image_topic: str) -> str:
    parent, slash, _ = image_topic.rpartition("/")
    return f"{parent}{slash}camera_info"
