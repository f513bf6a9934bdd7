# SPDX-License-Identifier: Apache-2.0
"""Training methods, one folder each, with the same file names in all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geoloc.errors import ParameterError

if TYPE_CHECKING:  # the configuration holds the methods' settings, so it cannot be imported here
    from geoloc_training.config import TrainConfig
    from geoloc_training.methods.contract import Method


def build_method(config: TrainConfig, places: int) -> Method:
    """The method that a configuration names, with DPHR around it where `dphr.weight` is above 0.

    Args:
        config: of the run.
        places: how many places there are to tell apart, 0 where they are drawn without end.

    Raises:
        ParameterError: no such method, or one that tells places apart where they are drawn without end.
        ModelError: the encoder cannot be built, or its pretrained weights cannot be had.
    """
    method = _host(config, places)
    if config.dphr.weight > 0:
        from geoloc_training.methods.dphr.method import Dphr

        method = Dphr(method, config.dphr)
    return method


def _host(config: TrainConfig, places: int) -> Method:
    from geoloc_training.pretrained import new_encoder

    if config.method.name == "sample4geo":
        from geoloc_training.methods.sample4geo.method import Sample4Geo

        return Sample4Geo(new_encoder(config.model), config.method)
    if config.method.name == "lpn":
        from geoloc_training.methods.lpn.method import Lpn

        _require_places(config, places)
        return Lpn(new_encoder(config.model), config.method, places)
    if config.method.name == "dmnil":
        from geoloc_training.methods.dmnil.method import Dmnil

        return Dmnil(new_encoder(config.model), config.method)
    raise ParameterError(f"method '{config.method.name}' is unknown; use sample4geo, lpn or dmnil.")


def _require_places(config: TrainConfig, places: int) -> None:
    if places < 1:
        raise ParameterError(
            f"method {config.method.name} tells places apart, and data '{config.data.name}' draws them "
            "without end; use method sample4geo, or a published data set."
        )
