# SPDX-License-Identifier: Apache-2.0
"""Counts refused frames by reason, with the sentence of the first: reports and nodes say it at the end."""

from collections import Counter

from geoloc.errors import FrameRefused


def in_words(reason: str, frames: int, sentence: str) -> str:
    """Return a reason with its number of frames and the sentence of the first, for a terminal."""
    return f"{reason}, {frames} {'frame' if frames == 1 else 'frames'}: {sentence}"


class RefusalTally:
    """Refused frames of a flight.

    Attributes:
        counts: number of frames by reason.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, refusal: FrameRefused) -> None:
        """Count a refused frame."""
        self.counts[str(refusal.reason)] += 1
        self._first.setdefault(str(refusal.reason), refusal.sentence)

    def sentences(self) -> list[str]:
        """Return a sentence for each reason, the most frequent first; empty if no frame was refused."""
        return [in_words(reason, count, self._first[reason]) for reason, count in self.counts.most_common()]
