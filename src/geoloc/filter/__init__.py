# SPDX-License-Identifier: Apache-2.0
"""Belief over places from a sequence of look-ups and motion."""

from geoloc.filter.bayes_filter import BayesFilter
from geoloc.filter.belief import Belief, State
from geoloc.filter.likelihood_model import Evidence
from geoloc.filter.settings import FilterSettings
from geoloc.filter.single_frame import FrameAlone
from geoloc.search.tiles import Tiles

__all__ = ["BayesFilter", "Belief", "Evidence", "FilterSettings", "FrameAlone", "State", "Tiles"]
