# SPDX-License-Identifier: Apache-2.0
"""The complete state of one track of the filter at one stamp."""

from dataclasses import dataclass

from geoloc.arrays import Float64Array
from geoloc.filter.global_belief import GlobalBelief
from geoloc.filter.hint import WeighedHint
from geoloc.filter.local_belief import LocalBelief
from geoloc.filter.motion import MotionState
from geoloc.filter.wrong_track import NOT_WRONG, WrongTrack
from geoloc.search.lookup import LookUp


@dataclass(frozen=True, eq=False)
class Posterior:
    """State of one track at one stamp, after the look-up or after the prediction to it.

    Attributes:
        stamp_ns: stamp of the look-up.
        place: belief about the place: local while the drone is tracked, else global.
        motion: state of the motion model.
        hypothesis_weights: weights (n,) of the hypotheses of heading and height.
        wrong: hypothesis that the tracked place is wrong.
        lookup: last look-up, from which the new share of the next look-up is estimated.
        frames_since_full: number of look-ups since the last comparison with the whole map.
        had_fix: whether any place was sure enough to answer.
        hint: the last hint; None if there was none.
        evidence: tempered likelihood of the last look-up under the belief before it, relative to the average
            place of the map; 1 after a hint.
        axes_known: whether heading and scale of odometry are right to within their stated error; False makes
            the filter estimate them.
    """

    stamp_ns: int
    place: GlobalBelief | LocalBelief
    motion: MotionState
    hypothesis_weights: Float64Array
    wrong: WrongTrack = NOT_WRONG
    lookup: LookUp | None = None
    frames_since_full: int = 0
    had_fix: bool = False
    hint: WeighedHint | None = None
    evidence: float = 1.0
    axes_known: bool = True
