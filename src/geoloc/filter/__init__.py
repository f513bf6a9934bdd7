# SPDX-License-Identifier: Apache-2.0
"""Bayes filter over places: computes the belief from a sequence of look-ups and motions."""

from geoloc.filter.bayes_filter import BayesFilter
from geoloc.filter.belief import Belief, State
from geoloc.filter.hint import Hint, HintVerdict, WeighedHint
from geoloc.filter.likelihood_model import LikelihoodModel
from geoloc.filter.odometry_trust import OdometryTrust
from geoloc.filter.settings import FilterSettings
from geoloc.filter.single_frame import SingleFrame

__all__ = [
    "BayesFilter",
    "Belief",
    "FilterSettings",
    "Hint",
    "HintVerdict",
    "LikelihoodModel",
    "OdometryTrust",
    "SingleFrame",
    "State",
    "WeighedHint",
]
