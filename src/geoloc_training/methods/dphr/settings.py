# SPDX-License-Identifier: Apache-2.0
"""Settings of DPHR."""

from dataclasses import dataclass

from geoloc_training.checks import require, require_choice


@dataclass(frozen=True)
class DphrConfig:
    """Weights of hard negatives, and their schedule.

    The form of the loss follows the paper (arXiv 2510.27181). No source states the numbers and choices marked
    RECONSTRUCTED; they are ours.

    Attributes:
        weight: factor γ of DPHR's loss, added to the host's loss; 0 disables DPHR. RECONSTRUCTED: 0.1 to 1.
        margin: margin m of the triplets, in units of the distance. RECONSTRUCTED: MCCG's value.
        weight_range: weights of the easiest and the hardest negative; weights are linear in the difficulty.
            RECONSTRUCTED: a negative as near as the positive has weight 1.
        window: number W of losses that measure the progress of training, one for each step, or one for each
            part with optimiser.accumulate. RECONSTRUCTED.
        ema: decay β of the moving average λ. RECONSTRUCTED.
        reduction: mean over "all" triplets or over "active" triplets, whose loss is above 0. RECONSTRUCTED.
        negatives: "all" negatives of the batch, or the "hardest" negative of each query. RECONSTRUCTED.
        squared: whether to use squared Euclidean distances. RECONSTRUCTED: false.
        directions: "both", averaged, or only "query_to_reference". RECONSTRUCTED: both.
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
        require(self.margin > 0, f"dphr.margin={self.margin} is not positive; use a value such as 0.3.")
        require(
            0 <= low <= high and high > 0,
            f"dphr.weight_range={[low, high]} is not a rising range of weights from 0; use values such as "
            "[0.5, 1.5].",
        )
        require(
            self.window >= 1 and 0 <= self.ema < 1,
            f"dphr.window={self.window} or dphr.ema={self.ema} is out of range; use a window of 1 or more, "
            "and a decay of at least 0 and less than 1.",
        )
        require_choice(self, "dphr", "reduction", "all", "active")
        require_choice(self, "dphr", "negatives", "all", "hardest")
        require_choice(self, "dphr", "directions", "both", "query_to_reference")
