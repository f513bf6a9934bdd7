# SPDX-License-Identifier: Apache-2.0
"""Random numbers of one batch on one device, independent of torch's global generator."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Draws:
    """A stream of random numbers that depends on its key only.

    The parameters of a change are drawn on the CPU, and thus equal for all devices. Pixels of noise are drawn
    on the device.

    Args:
        key: non-negative integers, such as seed, step and rank.
        device: device of the random numbers.

    Attributes:
        device: device of the random numbers.
    """

    def __init__(self, key: Sequence[int], device: torch.device) -> None:
        choices, pixels = (
            int(word) >> 1 for word in np.random.SeedSequence(key).generate_state(2, np.uint64)
        )
        self._choices = torch.Generator().manual_seed(choices)
        self._pixels = torch.Generator(device).manual_seed(pixels)
        self.device = device

    def uniform(self, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return float32 numbers of the given shape, uniform in low..high."""
        return self._placed(low + (high - low) * torch.rand(tuple(shape), generator=self._choices))

    def normal(self, shape: Sequence[int], deviation: float) -> Tensor:
        """Return float32 numbers of the given shape, Gaussian with mean 0."""
        return self._placed(deviation * torch.randn(tuple(shape), generator=self._choices))

    def whole(self, shape: Sequence[int], end: int) -> Tensor:
        """Return int64 numbers of the given shape, uniform in 0..end-1."""
        return self._placed(torch.randint(end, tuple(shape), generator=self._choices))

    def some(self, count: int, share: float) -> Tensor:
        """Return the rows selected with probability `share` each, ascending, int64."""
        return self.parted(count, share)[0]

    def parted(self, count: int, *shares: float) -> tuple[Tensor, ...]:
        """Return disjoint sets of rows, one for each share, drawn with that probability; ascending, int64."""
        # Divided on the CPU: on the device, the number of rows would force a synchronization.
        place = torch.rand(count, generator=self._choices)
        ends = np.cumsum(shares).tolist()
        inside = [(place < end) & (place >= start) for start, end in zip([0.0, *ends], ends, strict=False)]
        return tuple(self._placed(rows.nonzero()[:, 0]) for rows in inside)

    def noise(self, shape: Sequence[int]) -> Tensor:
        """Return standard Gaussian pixels, drawn on the device."""
        return torch.randn(tuple(shape), generator=self._pixels, device=self.device)

    def _placed(self, values: Tensor) -> Tensor:
        return values.to(self.device, non_blocking=True)
