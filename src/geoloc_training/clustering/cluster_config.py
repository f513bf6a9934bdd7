# SPDX-License-Identifier: Apache-2.0
"""Configuration of the clustering."""

from dataclasses import dataclass

from geoloc.errors import ParameterError


@dataclass(frozen=True)
class ClusterConfig:
    """Parameters of neighbourhoods and clusters.

    The defaults are those of DMNIL's code, which uses an eps of 0.4 for drone and 0.3 for satellite images.

    Attributes:
        eps: largest Jaccard distance between neighbours for DBSCAN, between 0 and 1, both excluded.
        k1: number of most similar images, including the image itself, in its neighbourhood.
        k2: number of most similar images over which the neighbourhood is averaged; 1 for no average.
        min_samples: minimum number of neighbours, including the image itself, of a core point of DBSCAN.
    """

    eps: float
    k1: int = 30
    k2: int = 6
    min_samples: int = 4

    def __post_init__(self) -> None:
        check_neighbourhood(self.k1, self.k2)
        if not 0 < self.eps < 1:
            raise ParameterError(
                f"eps={self.eps} must lie between 0 and 1, both excluded, because images without common "
                "neighbours are at distance 1; 0.4 is usual."
            )
        if self.min_samples < 1:
            raise ParameterError(f"min_samples={self.min_samples} must be above 0; 4 is usual.")


def check_neighbourhood(k1: int, k2: int) -> None:
    """Check the sizes of neighbourhoods.

    Raises:
        ParameterError: k1 is below 1, or k2 is outside 1..k1.
    """
    if not 1 <= k2 <= k1:
        raise ParameterError(
            f"k2={k2} must lie in 1..k1, and k1={k1} must be above 0; k1=30 and k2=6 are usual."
        )
