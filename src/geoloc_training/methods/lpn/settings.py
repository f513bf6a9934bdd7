# SPDX-License-Identifier: Apache-2.0
"""Settings of LPN; its rings belong to the encoder: model.head, model.rings and model.descriptor_size."""

from dataclasses import dataclass

from geoloc_training.checks import require
from geoloc_training.contract import MethodSettings


@dataclass(frozen=True)
class LpnConfig(MethodSettings):
    """The classifiers of the rings.

    Attributes:
        name: chooses this method.
        dropout: of each ring's feature before its classifier; the default is that of the published run.
    """

    name: str = "lpn"
    dropout: float = 0.75

    def __post_init__(self) -> None:
        require(
            0 <= self.dropout < 1,
            f"method.dropout={self.dropout} must lie in 0..1, 1 excluded; 0.75 is LPN's.",
        )
