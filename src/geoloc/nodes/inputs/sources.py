# SPDX-License-Identifier: Apache-2.0
"""Detect two cameras that publish on one topic, whose frames must not be mixed in one track."""

import time
from collections.abc import Mapping
from typing import Any

from geoloc.errors import FrameRefused, Reason

_FORGET_AFTER_S = 2.0


class Senders:
    """Tells the publishers of one topic apart.

    Until Jazzy, rclpy's information about a message does not name the publisher, but holds the number that
    the publisher gave the message. The numbers of one publisher rise. So a number that follows none of those
    seen belongs to another publisher.
    """

    def __init__(self) -> None:
        self._newest: dict[bytes, int] = {}

    def identify(self, info: Mapping[str, Any]) -> bytes:
        """Return an identity of the publisher; empty if nothing tells it.

        Args:
            info: rclpy's information about the message.
        """
        if gid := info.get("publisher_gid"):
            return bytes(gid["data"])
        number = info.get("publication_sequence_number")
        if number is None:
            return b""
        before = {last: sender for sender, last in self._newest.items() if last < number}
        sender = before[max(before)] if before else f"publisher {len(self._newest)}".encode()
        self._newest[sender] = number
        return sender


class SourceWatch:
    """Record of the sources that published in the last seconds.

    Args:
        forget_after_s: silence after which a source is forgotten.
    """

    def __init__(self, forget_after_s: float = _FORGET_AFTER_S) -> None:
        self._forget_after_s = forget_after_s
        self._seen_s: dict[tuple[bytes, str], float] = {}

    def check(self, sender: bytes, frame_id: str, publishers: int) -> None:
        """Record the source of a frame.

        Args:
            sender: identity of the publisher; empty if unknown.
            frame_id: frame_id of the image.
            publishers: number of publishers on the topic, used if `sender` is unknown.

        Raises:
            FrameRefused: SEVERAL_SOURCES while more than one source publishes.
        """
        now_s = time.monotonic()
        self._seen_s = {key: at for key, at in self._seen_s.items() if now_s - at < self._forget_after_s}
        self._seen_s[(sender, frame_id)] = now_s
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
