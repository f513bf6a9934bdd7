# SPDX-License-Identifier: Apache-2.0
"""Configuration of the augmentation of views during training."""

from dataclasses import dataclass

from geoloc_training.checks import require

_RUN_ON = ("auto", "loader", "device")
_TURNS = ("none", "reference", "joint", "panorama")


@dataclass(frozen=True)
class AugmentConfig:
    """Largest differences between a drone view and the map view, at full strength.

    Attributes:
        offset: largest offset along each axis for most samples, as a share of the view.
        wide_offset: largest offset for the other samples; a map whose tiles overlap by half needs 0.25.
        wide_offset_share: share of samples with a wide offset, 0..1.
        yaw_deg: largest heading error for most samples.
        wide_yaw_deg: largest heading error for the other samples.
        wide_yaw_share: share of samples with a wide heading error, 0..1.
        scale: largest relative change of scale.
        perspective: standard deviation of the two tilt terms.
        border_share: share of drone views that extend beyond the camera frame, 0..1.
        ramp_steps: number of steps over which the strength rises from 0.3 to 1; 0 for full strength at once.
        run_on: where views are warped and coloured: loader (threads of the loader, with OpenCV), device (in
            batches on the training device) or auto (device on a GPU, loader on a CPU).
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
            require(0 <= value <= 1, f"augment.{name}={value} is out of range; use 0 to 1.")
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
            require(value >= 0, f"augment.{name}={value} is negative; use 0 for none, or more.")

    def strength(self, step: int) -> float:
        """Return the strength of the augmentation at a step, 0.3..1."""
        return min(1.0, 0.3 + 0.7 * step / self.ramp_steps) if self.ramp_steps else 1.0


@dataclass(frozen=True)
class ImageAugmentConfig:
    """Augmentation of published data sets; the defaults are those of Sample4Geo for University-1652.

    Attributes:
        flip_share: share of pairs whose two images are mirrored, 0..1.
        turns: random quarter turns: none, reference (of the satellite image only, for drones that look from
            any side), joint (of both images, if north is up in both) or panorama (of the satellite image,
            with the panorama rolled to match).
        yaw_deg: largest rotation of a query.
        scale: largest relative change of a query's scale.
        perspective: standard deviation of a query's two tilt terms.
        shift: largest shift of an image along each axis, as a share of its side.
        colour: largest relative change of brightness, contrast and saturation, and of hue in full turns.
        colour_share: share of images with changed colours, 0..1.
        sharpness_share: share of images that are blurred or sharpened, 0..1.
        dropout_share: share of images with holes, in a grid or at random places, 0..1.
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
            require(0 <= value <= 1, f"image_augment.{name}={value} is out of range; use 0 to 1.")
        for name in ("yaw_deg", "scale", "perspective"):
            value = getattr(self, name)
            require(value >= 0, f"image_augment.{name}={value} is negative; use 0 for none, or more.")
