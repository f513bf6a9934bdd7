# SPDX-License-Identifier: Apache-2.0
"""Array types of training, and L2 normalization of rows."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array

Image = NDArray[np.uint8]  # (H, W, 3), RGB
Views = NDArray[np.uint8]  # (N, S, S, 3), RGB

Describe = Callable[[Views], Float32Array]  # views to L2-normalized descriptors (N, D)


def normalised(rows: np.ndarray) -> Float32Array:
    """Return the L2-normalized rows (N, D), float32; a row of zeros stays zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
