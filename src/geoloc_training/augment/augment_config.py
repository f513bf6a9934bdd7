# SPDX-License-Identifier: Apache-2.0
"""How views are varied while a network learns from them."""

from dataclasses import dataclass

from geoloc_training.checks import require

_RUN_ON = ("auto", "loader", "device")
_TURNS = ("none", "reference", "joint", "panorama")


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
        require(
            self.run_on in _RUN_ON, f"augment.run_on '{self.run_on}' is unknown; use {', '.join(_RUN_ON)}."
        )
        for name in ("wide_offset_share", "wide_yaw_share", "border_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"augment.{name}={value} must lie in 0..1.")
        for name in (
            "offset",
            "wide_offset",
            "yaw_deg",
            "wide_yaw_deg",
            "scale",
            "perspective",
            "ramp_steps",
        ):
            value = getattr(self, name)
            require(value >= 0, f"augment.{name}={value} must not be negative; 0 is off.")

    def strength(self, step: int) -> float:
        """Return how strong the augmentation is at a step, 0.3..1."""
        return min(1.0, 0.3 + 0.7 * step / self.ramp_steps) if self.ramp_steps else 1.0


@dataclass(frozen=True)
class ImageAugmentConfig:
    """How pictures of published sets are varied; the defaults are Sample4Geo's for University-1652.

    Attributes:
        flip_share: how often both pictures of a pair are mirrored.
        turns: by quarters, each as often: none, reference (the satellite picture alone, for drones that look
            from any side), joint (both, for pictures with north up) or panorama (the satellite picture turns
            and the panorama rolls with it).
        yaw_deg: largest turn of a query.
        scale: largest relative change of a query's scale.
        perspective: standard deviation of a query's two tilt terms.
        shift: largest shift of a picture along each axis, as a share of its side.
        colour: largest relative change of brightness, contrast and saturation, and of hue in turns.
        colour_share: how many pictures have their colours changed.
        sharpness_share: how many are blurred or sharpened.
        dropout_share: how many get holes, in a grid or anywhere.
    """

    flip_share: float = 0.5
    turns: str = "reference"
    yaw_deg: float = 0.0
    scale: float = 0.0
    perspective: float = 0.0
    shift: float = 0.0
    colour: float = 0.15
    colour_share: float = 0.5
    sharpness_share: float = 0.3
    dropout_share: float = 0.3

    def __post_init__(self) -> None:
        require(
            self.turns in _TURNS, f"image_augment.turns '{self.turns}' is unknown; use {', '.join(_TURNS)}."
        )
        for name in ("flip_share", "shift", "colour", "colour_share", "sharpness_share", "dropout_share"):
            value = getattr(self, name)
            require(0 <= value <= 1, f"image_augment.{name}={value} must lie in 0..1.")
        for name in ("yaw_deg", "scale", "perspective"):
            value = getattr(self, name)
            require(value >= 0, f"image_augment.{name}={value} must not be negative; 0 is off.")
