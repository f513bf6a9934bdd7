# SPDX-License-Identifier: Apache-2.0
"""What the filter found about odometry, in numbers and in a sentence for a pilot."""

import math
from dataclasses import dataclass

_LEAST_TURN_DEG = 15.0
_LEAST_SCALE = 1.2  # ratio in either direction; smaller errors are removed without a word


@dataclass(frozen=True)
class OdometryTrust:
    """Trust in odometry, and its error as estimated in flight.

    Attributes:
        trust: probability that odometry is right; NaN without odometry.
        turn_deg: angle by which the true motion is turned from that of odometry, counterclockwise; 0 until it
            is estimated.
        scale: ratio of the true distance to that of odometry; 1 until it is estimated.
        fault: why no displacement can be taken from odometry; empty if it can, or if it has not begun.
    """

    trust: float = math.nan
    turn_deg: float = 0.0
    scale: float = 1.0
    fault: str = ""

    @property
    def is_rejected(self) -> bool:
        """Whether odometry contradicts the views, so that answers are those of a drone without it."""
        return self.trust < 0.5

    @property
    def concern(self) -> str:
        """What is wrong with odometry, with the remedy, in one sentence; empty if nothing is known."""
        if self.fault:
            return f"odom is not used: {self.fault}."
        if self.is_rejected:
            return (
                "odom contradicts the views and is not used; check that it moves with the drone, that it is "
                "in metres, and that its axes are east and north, or else set odom_heading_known to false."
            )
        turned = abs(self.turn_deg) >= _LEAST_TURN_DEG
        scaled = not 1.0 / _LEAST_SCALE < self.scale < _LEAST_SCALE
        if not (turned or scaled):
            return ""
        errors = [f"is turned by {abs(self.turn_deg):.0f} degrees"] if turned else []
        errors += [f"measures {1.0 / max(self.scale, 1e-3):.2f} times the distance"] if scaled else []
        remedy = "set odom_heading_known to false" if turned and not scaled else "check its axes and unit"
        return f"odom {' and '.join(errors)}, which the filter removes; {remedy}."

    def facts(self) -> dict[str, object]:
        """Return the trust, and the estimated error if odometry is not as stated, for `/diagnostics`."""
        if math.isnan(self.trust):
            return {}
        facts: dict[str, object] = {"odometry_trust": f"{self.trust:.2f}"}
        if not self.is_rejected and (self.turn_deg, self.scale) != (0.0, 1.0):
            facts |= {"odometry_turn_deg": f"{self.turn_deg:.0f}", "odometry_scale": f"{self.scale:.2f}"}
        return facts


NO_ODOMETRY = OdometryTrust()
