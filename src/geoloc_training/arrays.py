# SPDX-License-Identifier: Apache-2.0
"""Names for the arrays of training, and rows brought to length 1."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # (H, W, 3), RGB
Views = NDArray[np.uint8]  # (N, S, S, 3), RGB
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Ints32 = NDArray[np.int32]

Describe = Callable[[Views], Floats]  # views to L2-normalised descriptors (N, D)


def normalised(rows: np.ndarray) -> Floats:
    """Return rows (N, D) brought to length 1, float32; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
