# SPDX-License-Identifier: Apache-2.0
"""Two tracks of one flight, by odometry and without it; the look-ups decide which of them is right.

Odometry may be turned, mirrored, scaled or stuck, and nothing in its messages shows it. So the filter runs
twice on the same look-ups: once with odometry, and once with the estimated speed alone. Each look-up
multiplies the odds of the two by the ratio of its likelihoods under their predictions (Bayesian model
selection).

The odds have a low upper bound, so that odometry that fails in mid-flight is soon rejected. This is a
cumulative-sum test for a change (Page, "Continuous inspection schemes", Biometrika 41, 1954). If the tracks
are at distant places, odds with a higher bound decide. The track without odometry never depends on odometry.
A rejected track restarts from it, with heading and scale of odometry unknown. Once they are estimated,
odometry is used with its error removed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from geoloc.filter.global_belief import Mode
from geoloc.filter.motion import MotionState
from geoloc.filter.odometry import Displacement
from geoloc.filter.odometry_trust import OdometryTrust
from geoloc.filter.posterior import Posterior
from geoloc.filter.settings import FilterSettings

_HIGHEST = 0.95  # upper bound of `Rivals.trust`, and its prior
_HIGHEST_LASTING = 0.999  # upper bound of `Rivals.lasting`
_PRIOR_LASTING = 0.99  # probability that odometry is what its messages say
_REJECTED = 5e-4  # trust below which the track by odometry restarts
_RESTARTED = 0.01  # trust after a restart; above `_REJECTED` for long enough to estimate a heading
_ESTIMATED = 0.12  # standard deviation of odometry's error, relative, below which the error is reported

Advance = Callable[[Posterior, Displacement | None], Posterior]
"""Predicts a posterior by a displacement, or without one by the estimated speed, and updates it."""


@dataclass(frozen=True, eq=False)
class Rivals:
    """The two tracks, and the odds between them.

    Attributes:
        plain: track without odometry.
        by_odometry: track by odometry; None while there is no odometry, so that `plain` is the only track.
        trust: probability that odometry is right, with a low upper bound; kept while there is no odometry.
        lasting: the same with a higher bound, to decide between distant places.
        paused: error of odometry as estimated before its last gap; None if unknown.
    """

    plain: Posterior
    by_odometry: Posterior | None = None
    trust: float = _HIGHEST
    lasting: float = _PRIOR_LASTING
    paused: MotionState | None = None

    @property
    def likelier(self) -> Posterior:
        """The track that is more likely right."""
        if self.by_odometry is None or self.trust < 0.5:
            return self.plain
        return self.by_odometry


def step(before: Rivals, odometry: Displacement | None, advance: Advance) -> Rivals:
    """Return the rivals after the next look-up or hint.

    Args:
        before: rivals before it.
        odometry: displacement by odometry since then; None if there is none.
        advance: function that predicts and updates one track.
    """
    if odometry is None:
        # Both tracks would have the same motion model, so the likelier one continues alone.
        paused = before.paused if before.by_odometry is None else _unbound(before.by_odometry.motion)
        return replace(before, plain=advance(before.likelier, None), by_odometry=None, paused=paused)
    by_odometry = before.by_odometry or _resumed(before)
    plain, by_odometry = advance(before.plain, None), advance(by_odometry, odometry)
    ratio = by_odometry.evidence / max(plain.evidence, 1e-30)
    trust, lasting = _posterior(before.trust, ratio), _posterior(before.lasting, ratio)
    if trust < _REJECTED:
        return Rivals(plain, replace(plain, axes_known=False), _RESTARTED, _RESTARTED)
    return Rivals(plain, by_odometry, min(trust, _HIGHEST), min(lasting, _HIGHEST_LASTING))


def answer(tracks: Rivals, mode_of: Callable[[Posterior], Mode], reach_m: float) -> tuple[Posterior, Mode]:
    """Return the track with the most likely place, and that place, with what the other track says about it.

    Args:
        tracks: the two tracks.
        mode_of: function that returns the most likely place of a track.
        reach_m: distance up to which two places are one, so that their probabilities are added.
    """
    plain = mode_of(tracks.plain)
    if tracks.by_odometry is None:
        return tracks.plain, plain
    by_odometry = mode_of(tracks.by_odometry)
    is_one = math.hypot(*(plain.mean_m - by_odometry.mean_m)) <= reach_m
    trust = tracks.trust if is_one else tracks.lasting
    joined = merged if is_one else contradicted
    if trust * by_odometry.probability >= (1.0 - trust) * plain.probability:
        return tracks.by_odometry, joined(by_odometry, plain, trust)
    return tracks.plain, joined(plain, by_odometry, 1.0 - trust)


def merged(lead: Mode, other: Mode, trust: float) -> Mode:
    """Return the place of two tracks that agree: the mean and covariance of their mixture.

    The upper bound of the odds keeps the trust in good odometry too low. So the mixture is weighted with the
    squared odds, where the bound no longer matters.

    Args:
        lead: place of the track that leads.
        other: place of the other track.
        trust: probability that the lead is right.
    """
    of_lead, of_other = trust * lead.probability, (1.0 - trust) * other.probability
    share = of_other**2 / max(of_lead**2 + of_other**2, 1e-30)
    apart_m = other.mean_m - lead.mean_m
    covariance_m2 = (1.0 - share) * lead.covariance_m2 + share * other.covariance_m2
    covariance_m2 = covariance_m2 + share * (1.0 - share) * np.outer(apart_m, apart_m)
    return Mode(lead.mean_m + share * apart_m, covariance_m2, max(lead.probability, of_lead + of_other))


def contradicted(lead: Mode, other: Mode, trust: float) -> Mode:
    """Return the place of the lead with the probability that is left if the other track is elsewhere.

    A vague track does not contradict a sure one, unless the sure one is itself in doubt.
    """
    doubt = 1.0 - trust
    return replace(lead, probability=lead.probability * (1.0 - doubt * max(other.probability, doubt)))


def odometry_trust(tracks: Rivals, settings: FilterSettings, fault: str) -> OdometryTrust:
    """Return the trust in odometry, with the error of odometry once it is estimated.

    Args:
        tracks: the two tracks.
        settings: stated error of odometry.
        fault: why no displacement can be taken from odometry; empty if it can.
    """
    track = tracks.by_odometry
    if track is None:
        return OdometryTrust(fault=fault)
    error = track.motion
    if not error.by_odometry or math.sqrt(np.linalg.eigvalsh(error.covariance)[-1]) > _ESTIMATED:
        return OdometryTrust(tracks.trust, fault=fault)
    # With several hypotheses of the heading, odometry is expected to share the error of the attitude.
    stated = settings.odom_heading_known and len(track.hypothesis_weights) == 1
    along, across = error.mean
    turn_deg = math.degrees(math.atan2(across, 1.0 + along)) if stated else 0.0
    return OdometryTrust(tracks.trust, turn_deg, math.hypot(1.0 + along, across), fault)


def _posterior(prior: float, ratio: float) -> float:
    """Return the probability after a look-up, from its ratio of likelihoods."""
    return prior * ratio / (prior * ratio + 1.0 - prior)


def _unbound(motion: MotionState) -> MotionState | None:
    """Return the estimated error of odometry, independent of the position; None if there is none."""
    return replace(motion, with_position=np.zeros((2, 2))) if motion.by_odometry else None


def _resumed(before: Rivals) -> Posterior:
    """Return the track that odometry continues after a gap."""
    if before.paused is None:
        return before.plain
    return replace(before.plain, motion=replace(before.paused, speed_mps=before.plain.motion.speed_mps))
