# SPDX-License-Identifier: Apache-2.0
"""Generation of small valid trees in the layouts of the published data sets, from overhead imagery."""

from geoloc_training.datasets.generate.make import LAYOUTS, make_tiny

__all__ = ["LAYOUTS", "make_tiny"]
