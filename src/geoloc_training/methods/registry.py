# SPDX-License-Identifier: Apache-2.0
"""The training methods by name: a method is a folder beside this file and a row of `METHODS`.

The configuration's choice of `method`, its checks and the sources of batches follow from the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from geoloc.encoder.torch_backend import ViewEncoder
from geoloc.errors import ParameterError
from geoloc_training.checks import either
from geoloc_training.contract import BatchSource, Method, MethodSettings
from geoloc_training.methods.dmnil.method import Dmnil
from geoloc_training.methods.dmnil.settings import DmnilConfig
from geoloc_training.methods.dmnil.source import ClusterBatches
from geoloc_training.methods.dphr.method import Dphr
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.methods.lpn.method import Lpn
from geoloc_training.methods.lpn.settings import LpnConfig
from geoloc_training.methods.sample4geo.method import Sample4Geo
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig


class Takes(Enum):
    """What a method learns from."""

    PAIRS = "pairs of views, of a published data set or drawn from a map without end"
    PLACES = "pairs of views of a known number of places, which it tells apart"
    PICTURES = "pictures of both views that nobody has paired"


@dataclass(frozen=True)
class Registered:
    """A method.

    Attributes:
        settings: frozen dataclass of its settings; the default of the field `name` is the method's name.
        build: (encoder, settings) -> method; a method that takes places gets their number as third argument.
        takes: what it learns from.
        source: source of batches of a method that takes pictures: (split, size_px, pairs, seed, settings,
            augment, device) -> BatchSource. None for pairs and places, whose batches the data set makes.
    """

    settings: type[MethodSettings]
    build: Callable[..., Method]
    takes: Takes
    source: Callable[..., BatchSource] | None = None


METHODS: dict[str, Registered] = {
    "sample4geo": Registered(Sample4GeoConfig, Sample4Geo, Takes.PAIRS),
    "lpn": Registered(LpnConfig, Lpn, Takes.PLACES),
    "dmnil": Registered(DmnilConfig, Dmnil, Takes.PICTURES, ClusterBatches),
}


def taking(takes: Takes) -> list[str]:
    """Return the names of the methods that take this kind of data."""
    return [name for name, row in METHODS.items() if row.takes is takes]


def new_method(settings: MethodSettings, dphr: DphrConfig, encoder: ViewEncoder, places: int) -> Method:
    """Build a method, with DPHR around it where `dphr.weight` is above 0.

    Args:
        settings: of the method.
        dphr: of the reweighting.
        encoder: before its first step.
        places: how many there are to tell apart, 0 where they are drawn without end.

    Raises:
        ParameterError: the method tells places apart and there are none, or it cannot use the encoder.
    """
    row = METHODS[settings.name]
    arguments: tuple[Any, ...] = (encoder, settings)
    if row.takes is Takes.PLACES:
        if places < 1:
            raise ParameterError(
                f"method {settings.name} tells places apart and the data draws them without end; use method "
                f"{either(taking(Takes.PAIRS))}, or a published data set."
            )
        arguments = (encoder, settings, places)
    method = row.build(*arguments)
    return Dphr(method, dphr) if dphr.weight > 0 else method
