# SPDX-License-Identifier: Apache-2.0
"""Valid trees in the layouts of the public data sets, made from overhead imagery."""

from geoloc_training.datasets.generate.make import LAYOUTS, make_tiny

__all__ = ["LAYOUTS", "make_tiny"]
