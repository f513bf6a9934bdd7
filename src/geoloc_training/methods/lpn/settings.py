# SPDX-License-Identifier: Apache-2.0
"""Settings of LPN."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LpnConfig:
    """Rings and their classifiers.

    Attributes:
        name: chooses this method.
        dropout: of each ring's feature before its classifier.
    """

    name: str = "lpn"
    dropout: float = 0.75
