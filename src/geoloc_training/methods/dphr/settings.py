# SPDX-License-Identifier: Apache-2.0
"""Settings of DPHR. The paper's form is known from its abstract and digests, its constants are not."""

from dataclasses import dataclass

from geoloc.errors import ParameterError


@dataclass(frozen=True)
class DphrConfig:
    """How hard negatives weigh, and from when on.

    All values but the form of the loss are RECONSTRUCTED: the published text gives no constants.

    Attributes:
        weight: factor γ of DPHR's loss beside the host's; 0 leaves DPHR out. RECONSTRUCTED: 1.
        margin: m of the triplets, in units of the distance. RECONSTRUCTED: 0.3, that of the host MCCG.
        weight_range: weights of the easiest and of the hardest negative. RECONSTRUCTED: 0.5 to 1.5, so that a
            negative as near as the positive weighs 1.
        window: updates W over which the unweighted loss is averaged. RECONSTRUCTED.
        smoothing: β of the coefficient's moving average. RECONSTRUCTED.
        reduction: "all" averages over all triplets, "active" over those with a loss. RECONSTRUCTED.
        negatives: "all" of the batch, or each anchor's "hardest" alone. RECONSTRUCTED.
        squared: squared Euclidean distances instead of plain ones. RECONSTRUCTED.
        directions: "both", or "query" for queries as anchors alone.
    """

    weight: float = 0.0
    margin: float = 0.3
    weight_range: tuple[float, float] = (0.5, 1.5)
    window: int = 100
    smoothing: float = 0.99
    reduction: str = "all"
    negatives: str = "all"
    squared: bool = False
    directions: str = "both"

    def __post_init__(self) -> None:
        low, high = self.weight_range
        _require(self.weight >= 0, f"dphr.weight={self.weight} must not be negative; 0 is off.")
        _require(self.margin > 0, f"dphr.margin={self.margin} must be above 0; 0.3 is usual.")
        _require(
            0 <= low <= high, f"dphr.weight_range={low}..{high} must rise from 0 or more; 0.5..1.5 is usual."
        )
        _require(self.window > 0, f"dphr.window={self.window} must be above 0 updates; 100 is usual.")
        _require(0 <= self.smoothing < 1, f"dphr.smoothing={self.smoothing} must lie in 0..1, 1 excluded.")
        for name, known in (
            ("reduction", ("all", "active")),
            ("negatives", ("all", "hardest")),
            ("directions", ("both", "query")),
        ):
            value = getattr(self, name)
            _require(value in known, f"dphr.{name} '{value}' is unknown; use {' or '.join(known)}.")


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
