# SPDX-License-Identifier: Apache-2.0
"""Detect two cameras that publish on one topic, whose frames must not be mixed in one track."""

import time
from collections.abc import Mapping
from typing import Any

from geoloc.errors import FrameRefused, Reason

_FORGET_AFTER_S = 2.0


class SourceWatch:
    """Record of the sources that published in the last seconds.

    Args:
        forget_after_s: silence after which a source is forgotten.
    """

    def __init__(self, forget_after_s: float = _FORGET_AFTER_S) -> None:
        self._forget_after_s = forget_after_s
        self._seen_s: dict[tuple[bytes, str], float] = {}

    def check(self, info: Mapping[str, Any], frame_id: str, publishers: int) -> None:
        """Record the source of a frame.

        Args:
            info: rclpy's information about the message; older versions do not identify the publisher.
            frame_id: frame_id of the image.
            publishers: number of publishers on the topic, used if `info` does not identify them.

        Raises:
            FrameRefused: SEVERAL_SOURCES while more than one source publishes.
        """
        now_s = time.monotonic()
        sender = info.get("publisher_gid")
        self._seen_s = {key: at for key, at in self._seen_s.items() if now_s - at < self._forget_after_s}
        self._seen_s[(sender["data"] if sender else b"", frame_id)] = now_s
        senders, frames = {key[0] for key in self._seen_s}, {key[1] for key in self._seen_s}
        # A restarted driver had two identities recently, but only one of them still publishes.
        count = max(len(frames), min(len(senders), publishers) if sender else publishers)
        if count > 1:
            names = ", ".join(sorted(frame or "(no frame_id)" for frame in frames))
            raise FrameRefused(
                Reason.SEVERAL_SOURCES,
                f"{count} sources publish images on this topic (frame_id {names}); "
                "stop all but one, or remap image to the camera that looks down.",
            )
