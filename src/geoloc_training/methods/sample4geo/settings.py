# SPDX-License-Identifier: Apache-2.0
"""Settings of Sample4Geo's loss; the sampling of batches belongs to the settings of the data."""

from dataclasses import dataclass

from geoloc_training.checks import require
from geoloc_training.contract import MethodSettings


@dataclass(frozen=True)
class Sample4GeoConfig(MethodSettings):
    """Settings of the loss.

    Attributes:
        name: name of the method.
        temperature: temperature of the softmax over cosines; the initial value if it is learnt.
        learn_temperature: whether the temperature is learnt, between 0.01 and 1.
        label_smoothing: share of each target that is spread over all candidates.
        weighted: whether each pair's label smoothing follows the quality of its match instead (Game4Loc's
            weighted InfoNCE); for data sets with partially overlapping matches, such as GTA-UAV.
    """

    name: str = "sample4geo"
    temperature: float = 0.07
    learn_temperature: bool = True
    label_smoothing: float = 0.1
    weighted: bool = False

    def __post_init__(self) -> None:
        require(
            0.01 <= self.temperature <= 1.0,
            f"method.temperature={self.temperature} is out of range; use 0.01 to 1, such as 0.07.",
        )
        require(
            0.0 <= self.label_smoothing < 1.0,
            f"method.label_smoothing={self.label_smoothing} is out of range; use at least 0 and less than 1, "
            "such as 0.1.",
        )
