# SPDX-License-Identifier: Apache-2.0
"""Refusals of the filter, in sentences for a pilot."""

import math

from geoloc.errors import FrameRefused, Reason, clause
from geoloc.filter.belief import State
from geoloc.filter.settings import FilterSettings
from geoloc.filter.wrong_track import Relocation

# On featureless ground a look-up matches all places equally, and odometry continues the track. A look-up that
# matches the track less than half as well as the average place shows that the drone is not there.
_MIN_LIKELIHOOD = 0.5


def of_track(
    probability: float, likelihood: float, relocation: Relocation | None, settings: FilterSettings
) -> FrameRefused | None:
    """Return the refusal of a tracked place; None if the place is answered.

    Args:
        probability: probability that the drone is at the tracked place.
        likelihood: likelihood of the look-up there, relative to the average place of the map.
        relocation: distance to another place that look-ups support; None without such a place.
        settings: least probability of an answer, and largest speed.
    """
    needed = settings.confidence
    refused = likelihood < _MIN_LIKELIHOOD or probability < needed
    if refused and relocation is not None:
        reach_m = settings.max_speed_mps * relocation.duration_s
        if relocation.distance_m > reach_m:
            return FrameRefused(
                Reason.IMPOSSIBLE_SPEED,
                f"the view matches a place {relocation.distance_m:.0f} m from the track, which the drone "
                f"cannot reach in {relocation.duration_s:.1f} s at max_speed_mps {settings.max_speed_mps:g}.",
            )
    if likelihood < _MIN_LIKELIHOOD:
        return FrameRefused(
            Reason.DISAGREES,
            f"the view matches the tracked place {_below(likelihood)} times as well as the average place "
            f"of the map; at least {_MIN_LIKELIHOOD:g} times is needed.",
        )
    if probability < needed:
        return FrameRefused(
            Reason.DISAGREES,
            f"the views disagree with the tracked place, whose probability has fallen to "
            f"{_below(probability)}; {needed:g} is needed.",
        )
    return None


def of_search(state: State, probability: float, off_map: float, needed: float) -> FrameRefused:
    """Return the refusal of the most likely place of a search.

    Args:
        state: LOST if there was a fix before.
        probability: probability of the most likely place.
        off_map: probability that the drone is off the map.
        needed: least probability of an answer.
    """
    lost = state is State.LOST
    if off_map > 0.5:
        return FrameRefused(
            Reason.OFF_MAP,
            f"no tile is similar enough to the views: the drone is off the map with a probability of "
            f"{off_map:.2f}, or the map is out of date.",
        )
    doing = "lost, searching the whole map again" if lost else "searching the whole map"
    return FrameRefused(
        Reason.LOST if lost else Reason.SEARCHING,
        f"{doing}: the most likely place has a probability of {_below(probability)}; {needed:g} is needed.",
    )


def with_concern(refusal: FrameRefused | None, concern: str) -> FrameRefused | None:
    """Return a refusal that also says what is wrong with odometry; `concern` is empty if nothing is."""
    if refusal is None or not concern:
        return refusal
    return FrameRefused(refusal.reason, f"{clause(refusal.sentence)}; {concern}")


def _below(value: float) -> str:
    """Return a value that is too small, rounded down, so that it never reads as the limit."""
    return f"{math.floor(value * 100.0) / 100.0:.2f}"
