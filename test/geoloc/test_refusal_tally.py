# SPDX-License-Identifier: Apache-2.0
"""Refused frames are told by reason, each with its number and the first sentence."""

from geoloc.errors import FrameRefused, Reason
from geoloc.refusal_tally import RefusalTally


def test_each_reason_has_one_sentence_the_most_frequent_first():
    tally = RefusalTally()
    assert tally.sentences() == []
    for reason, sentence in (
        (Reason.TILT, "the camera is tilted 50 degrees."),
        (Reason.NO_HEIGHT, "no height has arrived yet."),
        (Reason.NO_HEIGHT, "no height has come."),
    ):
        tally.add(FrameRefused(reason, sentence))
    assert tally.sentences() == [
        "no_height, 2 frames: no height has arrived yet.",
        "tilt, 1 frame: the camera is tilted 50 degrees.",
    ]
    assert tally.counts == {"no_height": 2, "tilt": 1}
