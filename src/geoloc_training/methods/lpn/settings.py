# SPDX-License-Identifier: Apache-2.0
"""Settings of LPN; model.head, model.rings and model.descriptor_size set its rings."""

from dataclasses import dataclass

from geoloc_training.checks import require
from geoloc_training.contract import MethodSettings


@dataclass(frozen=True)
class LpnConfig(MethodSettings):
    """Settings of the rings' classifiers.

    Attributes:
        name: name of the method.
        dropout: dropout of each ring's features before its classifier; the default is the published value.
    """

    name: str = "lpn"
    dropout: float = 0.75

    def __post_init__(self) -> None:
        require(
            0 <= self.dropout < 1,
            f"method.dropout={self.dropout} is out of range; use at least 0 and less than 1, such as LPN's "
            "0.75.",
        )
