# SPDX-License-Identifier: Apache-2.0
"""Random numbers of one batch on one device, apart from torch's global stream."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Draws:
    """A stream that depends on its key alone.

    What is done to a view is drawn on the CPU, the same for every device; pixels of noise are drawn where
    they are needed.

    Args:
        key: whole numbers, not negative, such as seed, step and rank.
        device: where the numbers are wanted.

    Attributes:
        device: the same.
    """

    def __init__(self, key: Sequence[int], device: torch.device) -> None:
        choices, pixels = (
            int(word) >> 1 for word in np.random.SeedSequence(key).generate_state(2, np.uint64)
        )
        self._choices = torch.Generator().manual_seed(choices)
        self._pixels = torch.Generator(device).manual_seed(pixels)
        self.device = device

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 of a shape, uniform in low..high."""
        return self._placed(low + (high - low) * torch.rand(tuple(shape), generator=self._choices))

    def normal(self, shape: Sequence[int], deviation: float) -> Tensor:
        """Return float32 of a shape, Gaussian about 0."""
        return self._placed(deviation * torch.randn(tuple(shape), generator=self._choices))

    def whole(self, shape: Sequence[int], end: int) -> Tensor:
        """Return int64 of a shape, uniform in 0..end-1."""
        return self._placed(torch.randint(end, tuple(shape), generator=self._choices))

    def some(self, count: int, share: float) -> Tensor:
        """Return rows chosen with a probability of `share` each, rising int64."""
        return self.parted(count, share)[0]

    def parted(self, count: int, *shares: float) -> tuple[Tensor, ...]:
        """Draw disjoint rows, each in the first part with the first share and so on; rising int64."""
        # Parted before they are moved, or the device would have to say how many there are.
        place = torch.rand(count, generator=self._choices)
        ends = np.cumsum(shares).tolist()
        inside = [(place < end) & (place >= start) for start, end in zip([0.0, *ends], ends, strict=False)]
        return tuple(self._placed(rows.nonzero()[:, 0]) for rows in inside)

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Draw standard Gaussian pixels, drawn on the device."""
        return torch.randn(tuple(shape), generator=self._pixels, device=self.device)

    def _placed(self, values: Tensor) -> Tensor:
        return values.to(self.device, non_blocking=True)
