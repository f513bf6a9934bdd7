# SPDX-License-Identifier: Apache-2.0
"""Reads the calibration of a camera from the YAML file that `camera_calibration` of ROS writes."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from geoloc.camera.lens import Intrinsics
from geoloc.camera.message_types import CameraInfoMessage
from geoloc.camera.messages import intrinsics
from geoloc.errors import CameraError, FrameRefused, clause
from geoloc.typed import read_mapping

_FIX = "give the YAML file that `ros2 run camera_calibration cameracalibrator` wrote"
_NO_ROI = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)


def read_calibration_file(path: Path) -> Intrinsics:
    """Return the intrinsics of a calibration file.

    It holds image_width, image_height, camera_matrix, distortion_model and distortion_coefficients.

    Raises:
        CameraError: if the file is missing, is not YAML, or is not a calibration.
    """
    if not path.is_file():
        raise CameraError(f"{path} does not exist; {_FIX}.")
    tree = read_mapping(path, CameraError, "camera calibration", _FIX)
    try:
        message = SimpleNamespace(
            width=int(tree["image_width"]),
            height=int(tree["image_height"]),
            distortion_model=str(tree.get("distortion_model") or ""),
            d=_data(tree, "distortion_coefficients") if tree.get("distortion_coefficients") else [],
            k=_data(tree, "camera_matrix"),
            binning_x=0,
            binning_y=0,
            roi=_NO_ROI,
        )
        return intrinsics(cast("CameraInfoMessage", message))
    except KeyError as error:
        raise CameraError(f"{path} has no {error.args[0]}; {_FIX}.") from error
    except (TypeError, ValueError, FrameRefused) as error:
        raise CameraError(f"{path} is not a camera calibration ({clause(error)}); {_FIX}.") from error


def _data(tree: Mapping[str, Any], key: str) -> list[Any]:
    """Return the numbers of a matrix, given as a mapping with the key `data` or as a list."""
    entry = tree[key]
    return list(entry["data"] if isinstance(entry, Mapping) else entry)
