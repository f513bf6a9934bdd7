# SPDX-License-Identifier: Apache-2.0
"""How views are varied while a network learns from them."""

from dataclasses import dataclass

from geoloc.errors import ParameterError

_RUN_ON = ("auto", "loader", "device")


@dataclass(frozen=True)
class AugmentConfig:
    """How far a drone view may differ from the map view, at full strength.

    Attributes:
        offset: largest offset per axis of most samples, as a fraction of the view.
        wide_offset: largest offset of the others; a map with half-overlapping tiles needs 0.25.
        wide_offset_share: how many of those there are.
        yaw_deg: largest heading error of most samples.
        wide_yaw_deg: largest heading error of the others.
        wide_yaw_share: how many of those there are.
        scale: largest relative change of scale.
        perspective: standard deviation of the two tilt terms.
        border_share: how often part of the view lies outside the camera's frame.
        ramp_steps: steps until full strength, beginning at 0.3.
        run_on: where views are warped and coloured: loader (threads, OpenCV), device (in batches where the
            network is) or auto, which is device on a GPU and loader on a CPU.
    """

    offset: float = 0.15
    wide_offset: float = 0.27
    wide_offset_share: float = 0.3
    yaw_deg: float = 13.0
    wide_yaw_deg: float = 30.0
    wide_yaw_share: float = 0.15
    scale: float = 0.14
    perspective: float = 0.03
    border_share: float = 0.3
    ramp_steps: int = 300
    run_on: str = "auto"

    def __post_init__(self) -> None:
        _require(
            self.run_on in _RUN_ON, f"augment.run_on '{self.run_on}' is unknown; use {', '.join(_RUN_ON)}."
        )

    def strength(self, step: int) -> float:
        """How strong the augmentation is at a step, 0.3..1."""
        return min(1.0, 0.3 + 0.7 * step / self.ramp_steps) if self.ramp_steps else 1.0


@dataclass(frozen=True)
class ImageAugmentConfig:
    """How pictures of published sets are varied."""


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
