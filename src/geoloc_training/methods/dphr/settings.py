# SPDX-License-Identifier: Apache-2.0
"""Settings of DPHR."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DphrConfig:
    """How much of DPHR's loss is added.

    Attributes:
        weight: factor of its loss; 0 leaves it out.
    """

    weight: float = 0.0
