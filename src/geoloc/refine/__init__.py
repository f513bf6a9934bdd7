# SPDX-License-Identifier: Apache-2.0
"""Refinement: registers a view with the map's imagery, for metres within a tile and a verdict."""

from geoloc.refine.contract import Method, Patch, Registration, Verdict
from geoloc.refine.methods import METHODS, make_method
from geoloc.refine.refiner import Refiner

__all__ = ["METHODS", "Method", "Patch", "Refiner", "Registration", "Verdict", "make_method"]
