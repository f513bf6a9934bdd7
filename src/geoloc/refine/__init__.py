# SPDX-License-Identifier: Apache-2.0
"""Metric refinement: a view laid on the map's picture, for metres within a tile and a verdict of geometry."""

from geoloc.refine.contract import Method, Patch, Registration, Verdict
from geoloc.refine.refiner import Refinement, Refiner, make_method
from geoloc.refine.settings import METHODS, RefinerSettings

__all__ = [
    "METHODS",
    "Method",
    "Patch",
    "Refinement",
    "Refiner",
    "RefinerSettings",
    "Registration",
    "Verdict",
    "make_method",
]
