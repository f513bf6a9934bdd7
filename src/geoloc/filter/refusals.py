# SPDX-License-Identifier: Apache-2.0
"""Why a belief is not answered, in sentences for a pilot."""

from geoloc.errors import FrameRefused, Reason
from geoloc.filter.belief import State
from geoloc.filter.settings import FilterSettings
from geoloc.filter.wrong_track import Relocation

# On featureless ground a look-up matches all places equally, and odometry carries the track on. A look-up
# that matches the track half as well as the average place shows that the drone is not there.
_MIN_LIKELIHOOD = 0.5


def of_track(
    probability: float, likelihood: float, relocation: Relocation | None, settings: FilterSettings
) -> FrameRefused | None:
    """Return why a tracked place is not answered; None where it is.

    Args:
        probability: that the drone is there.
        likelihood: of the look-up there, relative to the average place of the map.
        relocation: the way to another place that look-ups support; None without such a place.
        settings: least probability to answer with, and largest speed.
    """
    needed = settings.confidence
    refused = likelihood < _MIN_LIKELIHOOD or probability < needed
    if refused and relocation is not None:
        reach_m = settings.max_speed_mps * relocation.duration_s
        if relocation.distance_m > reach_m:
            return FrameRefused(
                Reason.IMPOSSIBLE_SPEED,
                f"what the camera sees is {relocation.distance_m:.0f} m from where the drone should be; it "
                f"cannot have flown there in {relocation.duration_s:.1f} s at max_speed_mps "
                f"{settings.max_speed_mps:g}",
            )
    if likelihood < _MIN_LIKELIHOOD:
        return FrameRefused(
            Reason.DISAGREES,
            f"what the camera sees fits the place where the drone should be {likelihood:.2f} times as well "
            f"as the average place of the map, {_MIN_LIKELIHOOD:g} is needed",
        )
    if probability < needed:
        return FrameRefused(
            Reason.DISAGREES,
            f"what the camera sees disagrees with where the drone should be: a probability of "
            f"{probability:.2f} is left, {needed:g} is needed",
        )
    return None


def of_search(state: State, probability: float, off_map: float, needed: float) -> FrameRefused:
    """Return why the most likely place of a search is not answered.

    Args:
        state: LOST where there has been a fix before.
        probability: of the most likely place.
        off_map: probability that the drone is off the map.
        needed: least probability to answer with.
    """
    lost = state is State.LOST
    if off_map > 0.5:
        return FrameRefused(
            Reason.OFF_MAP,
            f"nothing on the map looks enough like what the camera sees: the drone is off the map with a "
            f"probability of {off_map:.2f}, or the map is out of date",
        )
    doing = "lost, searching the whole map again" if lost else "searching the whole map"
    return FrameRefused(
        Reason.LOST if lost else Reason.SEARCHING,
        f"{doing}: the likeliest place has a probability of {probability:.2f}, {needed:g} is needed",
    )
