# SPDX-License-Identifier: Apache-2.0
"""Settings of DPHR."""

from dataclasses import dataclass

from geoloc_training.checks import require, require_choice


@dataclass(frozen=True)
class DphrConfig:
    """How hard negatives weigh, and when.

    The form of the loss is the paper's (arXiv 2510.27181). The numbers and choices marked RECONSTRUCTED are
    ours: no source gives them.

    Attributes:
        weight: factor γ of the whole beside the host's loss; 0 leaves it out. RECONSTRUCTED: 0.1 to 1.
        margin: m of the triplets, in units of the distance. RECONSTRUCTED: MCCG's.
        weight_range: weights of the easiest and of the hardest negative, between which the difficulty is
            mapped linearly. RECONSTRUCTED: one as near as the positive weighs 1.
        window: losses W that the progress of training is judged by; one a step, or with
            optimiser.accumulate one a part. RECONSTRUCTED.
        ema: rate β at which λ remembers. RECONSTRUCTED.
        reduction: mean over "all" triplets or over the "active" ones, whose loss is not 0. RECONSTRUCTED.
        negatives: "all" of the batch from the other view, or for each query the "hardest". RECONSTRUCTED.
        squared: take squared Euclidean distances for plain ones. RECONSTRUCTED: plain.
        directions: "both", averaged, or "query_to_reference" alone. RECONSTRUCTED: both.
    """

    weight: float = 0.0
    margin: float = 0.3
    weight_range: tuple[float, float] = (0.5, 1.5)
    window: int = 100
    ema: float = 0.99
    reduction: str = "all"
    negatives: str = "all"
    squared: bool = False
    directions: str = "both"

    def __post_init__(self) -> None:
        low, high = self.weight_range
        require(self.margin > 0, f"dphr.margin={self.margin} must be above 0; 0.3 is usual.")
        require(
            0 <= low <= high and high > 0,
            f"dphr.weight_range={[low, high]} must rise from 0 or more to the weight of the hardest; "
            "[0.5, 1.5] is usual.",
        )
        require(
            self.window >= 1 and 0 <= self.ema < 1,
            f"dphr.window={self.window} must be above 0, and dphr.ema={self.ema} in 0..1, 1 excluded.",
        )
        require_choice(self, "dphr", "reduction", "all", "active")
        require_choice(self, "dphr", "negatives", "all", "hardest")
        require_choice(self, "dphr", "directions", "both", "query_to_reference")
