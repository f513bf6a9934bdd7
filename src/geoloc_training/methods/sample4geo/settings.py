# SPDX-License-Identifier: Apache-2.0
"""What can be set about Sample4Geo: its loss, and how batches are filled."""

from dataclasses import dataclass

from geoloc.errors import ParameterError

_SAMPLINGS = ("random", "gps", "similarity")


@dataclass(frozen=True)
class Sample4GeoConfig:
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
        if not 0.01 <= self.temperature <= 1.0:
            raise ParameterError(f"method.temperature={self.temperature} must lie in 0.01..1; 0.07 is usual.")
        if not 0.0 <= self.label_smoothing < 1.0:
            raise ParameterError(
                f"method.label_smoothing={self.label_smoothing} must lie in 0..1, 1 excluded; 0.1 is usual."
            )


@dataclass(frozen=True)
class SamplingConfig:
    """How the batches of an epoch are filled; the defaults are Sample4Geo's for CVUSA.

    Attributes:
        kind: random, gps (places drawn at random, each with its neighbours on the ground) or similarity (with
            its likes by the present descriptors; until these exist gps, or random without positions).
        neighbours: of each drawn place, half of them its nearest, half drawn from the rest of the pool.
        pool: nearest places that neighbours are taken from.
        resample_every: epochs between two searches for similar places, the first after so many.
    """

    kind: str = "random"
    neighbours: int = 64
    pool: int = 128
    resample_every: int = 4

    def __post_init__(self) -> None:
        if self.kind not in _SAMPLINGS:
            raise ParameterError(f"data.sampling '{self.kind}' is unknown; use {', '.join(_SAMPLINGS)}.")
        if not 0 < self.neighbours <= self.pool or self.resample_every < 1:
            raise ParameterError(
                f"data.neighbours={self.neighbours} must be above 0 and at most data.pool={self.pool}, "
                f"data.resample_every={self.resample_every} above 0."
            )
