# SPDX-License-Identifier: Apache-2.0
"""Advice of `geoloc map advise`: whether camera, height, model and map fit each other."""

from geoloc.advice.advise import Advice, advise
from geoloc.advice.case import Finding, Fit, Flight, MapFacts

__all__ = ["Advice", "Finding", "Fit", "Flight", "MapFacts", "advise"]
