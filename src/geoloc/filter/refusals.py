# SPDX-License-Identifier: Apache-2.0
"""Why a belief is not told, in sentences for a pilot; None where it is."""

from geoloc.errors import FrameRefused, Reason
from geoloc.filter.belief import State
from geoloc.filter.settings import FilterSettings
from geoloc.filter.wrong_track import Leap

# Where the ground tells nothing a look-up fits a place as well as any other, and odometry carries on; one
# that fits it half as well as the average place tells that the drone is not there.
_LEAST_FIT = 0.5


def of_track(
    probability: float, fit: float, other: Leap | None, settings: FilterSettings
) -> FrameRefused | None:
    """Return why a tracked place is not told.

    Args:
        probability: that the drone is there.
        fit: how many times likelier the look-up is there than at the average place of the map.
        other: the place that look-ups tell of otherwise.
        settings: least probability to tell, and largest speed.
    """
    needed = settings.confidence
    doubted = fit < _LEAST_FIT or probability < needed
    if doubted and other is not None and other.distance_m > settings.max_speed_mps * other.duration_s:
        return FrameRefused(
            Reason.IMPOSSIBLE_SPEED,
            f"what the camera sees is {other.distance_m:.0f} m from where the drone should be; it cannot "
            f"have flown there in {other.duration_s:.1f} s at max_speed_mps {settings.max_speed_mps:g}",
        )
    if fit < _LEAST_FIT:
        return FrameRefused(
            Reason.DISAGREES,
            f"what the camera sees fits the place where the drone should be {fit:.2f} times as well as the "
            f"average place of the map, {_LEAST_FIT:g} is needed",
        )
    if probability < needed:
        return FrameRefused(
            Reason.DISAGREES,
            f"what the camera sees disagrees with where the drone should be: a probability of "
            f"{probability:.2f} is left, {needed:g} is needed",
        )
    return None


def of_search(state: State, probability: float, off_map: float, needed: float) -> FrameRefused:
    """Return why the likeliest place of a search is not told.

    Args:
        state: whether there has been a fix before.
        probability: of the likeliest place.
        off_map: probability that the drone is off the map.
        needed: least probability to tell.
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
