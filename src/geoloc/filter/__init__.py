# SPDX-License-Identifier: Apache-2.0
"""Belief over places from a sequence of look-ups and motion."""

from geoloc.filter.alone import FrameAlone
from geoloc.filter.bayes import BayesFilter
from geoloc.filter.belief import Belief, State
from geoloc.filter.evidence import Evidence
from geoloc.filter.settings import FilterSettings
from geoloc.filter.tiles import Tiles

__all__ = ["BayesFilter", "Belief", "Evidence", "FilterSettings", "FrameAlone", "State", "Tiles"]
