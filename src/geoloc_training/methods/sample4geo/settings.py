# SPDX-License-Identifier: Apache-2.0
"""What can be set about Sample4Geo's loss; how batches are filled is set with the data."""

from dataclasses import dataclass

from geoloc_training.checks import require
from geoloc_training.contract import MethodSettings


@dataclass(frozen=True)
class Sample4GeoConfig(MethodSettings):
    """The loss.

    Attributes:
        name: chooses the method.
        temperature: of the softmax over cosines; where it begins if it is learnt.
        learn_temperature: whether it is learnt, between 0.01 and 1.
        label_smoothing: share of each target that is spread over all candidates.
        weighted: smooth each pair by how well it fits instead (Game4Loc's weighted InfoNCE); for data sets
            whose matches overlap in part, such as GTA-UAV.
    """

    name: str = "sample4geo"
    temperature: float = 0.07
    learn_temperature: bool = True
    label_smoothing: float = 0.1
    weighted: bool = False

    def __post_init__(self) -> None:
        require(
            0.01 <= self.temperature <= 1.0,
            f"method.temperature={self.temperature} must lie in 0.01..1; 0.07 is usual.",
        )
        require(
            0.0 <= self.label_smoothing < 1.0,
            f"method.label_smoothing={self.label_smoothing} must lie in 0..1, 1 excluded; 0.1 is usual.",
        )
