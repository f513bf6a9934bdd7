# SPDX-License-Identifier: Apache-2.0
"""Which camera, height and map fit each other, and the model: the ground for `geoloc map advise`."""

from geoloc.advice.advise import Advice, advise
from geoloc.advice.case import Finding, Fit, Flight, MapFacts

__all__ = ["Advice", "Finding", "Fit", "Flight", "MapFacts", "advise"]
