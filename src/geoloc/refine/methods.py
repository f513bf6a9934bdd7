# SPDX-License-Identifier: Apache-2.0
"""The methods of refinement by name."""

import importlib
from pathlib import Path
from typing import cast

from geoloc.errors import ModelError, ParameterError
from geoloc.refine.contract import Method
from geoloc.refine.correlation import OrientationCorrelation
from geoloc.refine.keypoints import KeypointRegistration, Matcher, SiftMatcher

AUTO = "ncc"  # what `auto` stands for: the method whose gain is worth its milliseconds, see the README
METHODS = ("auto", "ncc", "sift", "lightglue", "off")


def make_method(name: str = AUTO, weights: Path | None = None) -> Method:
    """Return the method of a name.

    Args:
        name: one of `METHODS` but off; auto is `AUTO`.
        weights: folder of the learned matcher's weights; for lightglue alone.

    Raises:
        ModelError: its weights or packages are missing.
        ParameterError: there is no such method, or it needs weights that were not given.
    """
    if name in (AUTO, "auto"):
        return OrientationCorrelation()
    if name == "sift":
        return KeypointRegistration(SiftMatcher())
    if name == "lightglue":
        return KeypointRegistration(_lightglue(weights))
    raise ParameterError(f"method '{name}' refines nothing; use one of {', '.join(METHODS[:-1])}")


def _lightglue(weights: Path | None) -> Matcher:
    if weights is None:
        raise ParameterError("method 'lightglue' needs `weights`, the folder of its two files")
    try:
        module = importlib.import_module("geoloc.refine.torch_lightglue")
    except ImportError as error:
        raise ModelError(
            f"method 'lightglue' is not installed ({error}); run `pip install torch kornia`"
        ) from error
    return cast(Matcher, module.LightGlueMatcher(weights))
