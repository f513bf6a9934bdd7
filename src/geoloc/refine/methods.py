# SPDX-License-Identifier: Apache-2.0
"""Refinement methods by name."""

import importlib
from pathlib import Path
from typing import cast

from geoloc.errors import ModelError, ParameterError, clause
from geoloc.refine.contract import Method
from geoloc.refine.correlation import OrientationCorrelation
from geoloc.refine.keypoints import KeypointRegistration, Matcher, SiftMatcher

AUTO = "ncc"  # method of `auto`, whose gain is worth its milliseconds
METHODS = ("auto", "ncc", "sift", "lightglue", "off")


def make_method(name: str = AUTO, weights: Path | None = None) -> Method:
    """Create a refinement method by its name.

    Args:
        name: one of `METHODS` except off; auto is `AUTO`.
        weights: folder with the learned matcher's weights, for lightglue alone.

    Raises:
        ModelError: if the method's weights or packages are missing.
        ParameterError: if the method is unknown, or needs weights that are not given.
    """
    if name in (AUTO, "auto"):
        return OrientationCorrelation()
    if name == "sift":
        return KeypointRegistration(SiftMatcher())
    if name == "lightglue":
        return KeypointRegistration(_lightglue(weights))
    raise ParameterError(f"'{name}' is not a refinement method; use one of {', '.join(METHODS[:-1])}.")


def _lightglue(weights: Path | None) -> Matcher:
    if weights is None:
        raise ParameterError("method 'lightglue' has no weights; give the folder with its two files.")
    try:
        module = importlib.import_module("geoloc.refine.torch_lightglue")
    except ImportError as error:
        raise ModelError(
            f"method 'lightglue' is not installed ({clause(error)}); run `pip install torch kornia`."
        ) from error
    return cast(Matcher, module.LightGlueMatcher(weights))
