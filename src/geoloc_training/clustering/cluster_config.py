# SPDX-License-Identifier: Apache-2.0
"""Settings of the clustering."""

from dataclasses import dataclass

from geoloc.errors import ParameterError


@dataclass(frozen=True)
class ClusterConfig:
    """What makes descriptors neighbours, and neighbours a cluster.

    The defaults are those of DMNIL's code, which takes an eps of 0.4 for drone and 0.3 for satellite images.

    Attributes:
        eps: largest Jaccard distance within which images are neighbours for DBSCAN; in 0..1, both excluded.
        k1: how many most similar images, itself among them, make the neighbourhood of an image.
        k2: how many of them its neighbourhood is averaged over; 1 leaves it as it is.
        min_samples: neighbours, itself among them, that make an image the core of a cluster.
    """

    eps: float
    k1: int = 30
    k2: int = 6
    min_samples: int = 4

    def __post_init__(self) -> None:
        check_neighbourhood(self.k1, self.k2)
        if not 0 < self.eps < 1:
            raise ParameterError(
                f"eps={self.eps} must lie between 0 and 1, both excluded, for images with nothing in common "
                "are at distance 1; 0.4 is usual."
            )
        if self.min_samples < 1:
            raise ParameterError(f"min_samples={self.min_samples} must be above 0; 4 is usual.")


def check_neighbourhood(k1: int, k2: int) -> None:
    """Refuse sizes of neighbourhoods that cannot be.

    Raises:
        ParameterError: k1 below 1, or k2 outside 1..k1.
    """
    if not 1 <= k2 <= k1:
        raise ParameterError(f"k2={k2} must lie in 1..k1, and k1={k1} be above 0; k1=30 and k2=6 are usual.")
