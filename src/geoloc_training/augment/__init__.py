# SPDX-License-Identifier: Apache-2.0
"""What changes between a map and a camera: view by view with OpenCV; in batches with `augment.device`."""

from geoloc_training.augment.opencv import Rng, drone_appearance, frame_border, map_colours

__all__ = ["Rng", "drone_appearance", "frame_border", "map_colours"]
