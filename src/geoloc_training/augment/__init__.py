# SPDX-License-Identifier: Apache-2.0
"""Augmentation of views: view by view with OpenCV, in batches with `augment.device`."""

from geoloc_training.augment.opencv import Rng, drone_appearance, frame_border, map_colours

__all__ = ["Rng", "drone_appearance", "frame_border", "map_colours"]
