# SPDX-License-Identifier: Apache-2.0
"""Checks that every backend makes: of the views before inference, of the descriptors after it."""

import numpy as np

from geoloc.arrays import Float32Array, UInt8Array
from geoloc.encoder.card import ModelCard
from geoloc.errors import ModelError


def check_views(card: ModelCard, views: UInt8Array) -> None:
    """Refuse views the network was not made for; NaN cannot pass, since only uint8 does.

    Raises:
        ModelError: naming what came and what is expected.
    """
    side = card.input_px
    shape, kind = getattr(views, "shape", None), getattr(views, "dtype", None)
    if shape is None or len(shape) != 4 or tuple(shape[1:]) != (side, side, 3) or shape[0] == 0:
        raise ModelError(
            f"views have shape {shape}, model {card.id} takes (N, {side}, {side}, 3) with N > 0; "
            f"set encoder_px to {side}."
        )
    if kind != np.uint8:
        raise ModelError(f"views are {kind}, model {card.id} takes uint8 RGB; convert to 0..255 first.")


def check_descriptors(card: ModelCard, descriptors: Float32Array) -> Float32Array:
    """Refuse what is not a finite (N, D) array.

    Raises:
        ModelError: the network does not match its card, or its weights are damaged.
    """
    if descriptors.ndim != 2 or descriptors.shape[1] != card.descriptor_size:
        raise ModelError(
            f"model {card.id} gave descriptors of shape {descriptors.shape}, its card says "
            f"(N, {card.descriptor_size}); export the model again."
        )
    if not np.isfinite(descriptors).all():
        raise ModelError(f"model {card.id} gave descriptors that are not finite; export the model again.")
    return descriptors
