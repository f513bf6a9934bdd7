# SPDX-License-Identifier: Apache-2.0
"""The distortion in a `sensor_msgs/CameraInfo`, as drivers write it: names and numbers of many kinds."""

from collections.abc import Sequence

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.camera.lens import COEFFICIENT_COUNTS
from geoloc.errors import CameraError

_MODELS = {
    "brown_conrady": "plumb_bob",
    "radtan": "plumb_bob",
    "rational": "rational_polynomial",
    "fisheye": "equidistant",
    "kannala_brandt": "equidistant",
    "kannala_brandt4": "equidistant",
}
_UNNAMED = frozenset({"", "none", "pinhole"})
_OPENCVS_COUNTS = (4, 5, 8, 12, 14)  # k1 k2 p1 p2, k3, k4 k5 k6, thin prism, tilt


def read_distortion(name: str, numbers: Sequence[float]) -> tuple[str, Float64Array]:
    """Return the model and the coefficients of a lens, as `Intrinsics` takes them.

    Zeros at the end of the numbers change nothing, so their count is free. plumb_bob and rational_polynomial
    are one model of OpenCV with different counts of numbers; numbers beyond the name's usual count are
    used as OpenCV uses them.

    Args:
        name: `distortion_model` of the message, in upper or lower case.
        numbers: `d` of the message.

    Returns:
        A key of `COEFFICIENT_COUNTS`, and as many float coefficients as it takes.

    Raises:
        CameraError: if the model is unknown, or the numbers do not fit it.
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    model = _MODELS.get(plain, plain)
    given = np.asarray(numbers, dtype=np.float64).ravel()
    used = np.trim_zeros(given, "b")
    if plain in _UNNAMED:
        if used.size:
            raise CameraError(
                f"the CameraInfo names no distortion model ('{name}') but has {used.size} coefficients; "
                f"name one of {', '.join(COEFFICIENT_COUNTS)}."
            )
        return "none", used
    if model in ("plumb_bob", "rational_polynomial"):
        return _opencvs(name, given.size, used)
    if model == "equidistant" and given.size >= 4 and used.size <= 4:
        return model, np.pad(used, (0, 4 - used.size))
    return model, given  # which Intrinsics refuses


def _opencvs(name: str, count: int, used: Float64Array) -> tuple[str, Float64Array]:
    if not used.size:
        return "none", used
    fitting = [each for each in _OPENCVS_COUNTS if each >= used.size]
    if count < _OPENCVS_COUNTS[0] or not fitting:
        counts = ", ".join(map(str, _OPENCVS_COUNTS))
        raise CameraError(
            f"distortion model '{name}' has {used.size} coefficients that are not 0; give one of {counts}."
        )
    padded = np.pad(used, (0, fitting[0] - used.size))
    return ("plumb_bob" if padded.size <= 5 else "rational_polynomial"), padded
