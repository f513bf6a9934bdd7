# SPDX-License-Identifier: Apache-2.0
"""Checks of every backend: of the views before inference, and of the descriptors after it."""

import numpy as np

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ModelCard
from geoloc.errors import ModelError


def check_views(card: ModelCard, views: UInt8Array) -> None:
    """Check that views have the shape and type of the network's input.

    Raises:
        ModelError: if the views are not uint8 (N, S, S, 3) with S = `card.input_px` and N > 0.
    """
    side = card.input_px
    shape, kind = getattr(views, "shape", None), getattr(views, "dtype", None)
    if shape is None or len(shape) != 4 or tuple(shape[1:]) != (side, side, 3) or shape[0] == 0:
        raise ModelError(
            f"views have shape {shape}, but model {card.id} takes (N, {side}, {side}, 3) with N > 0; "
            f"set encoder_px to {side}."
        )
    if kind != np.uint8:
        raise ModelError(f"views are {kind}, but model {card.id} takes uint8 RGB; convert them to 0..255.")


def check_descriptors(card: ModelCard, descriptors: Float32Array) -> Float32Array:
    """Check that descriptors are a finite array (N, D), and return them.

    Raises:
        ModelError: if the network does not match its card, or its weights are damaged.
    """
    if descriptors.ndim != 2 or descriptors.shape[1] != card.descriptor_size:
        raise ModelError(
            f"model {card.id} returned descriptors of shape {descriptors.shape}, but its card says "
            f"(N, {card.descriptor_size}); export the model again."
        )
    if not np.isfinite(descriptors).all():
        raise ModelError(f"model {card.id} returned descriptors that are not finite; export the model again.")
    return descriptors
