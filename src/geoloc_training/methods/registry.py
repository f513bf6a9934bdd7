# SPDX-License-Identifier: Apache-2.0
"""Registry of the training methods; a method is a folder beside this file and a row of `METHODS`.

The rows determine the choices of `method.name`, the checks of the configuration and the sources of batches.
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
    """Training data of a method."""

    PAIRS = "pairs of views, from a published data set or sampled from a map without end"
    PLACES = "pairs of views of a known number of places, which the method classifies"
    PICTURES = "unpaired images of both views"


@dataclass(frozen=True)
class Registered:
    """A registered method.

    Attributes:
        settings: frozen dataclass of the settings; the default of its field `name` is the method's name.
        build: factory (encoder, settings) -> method; a method that takes places gets their number as third
            argument.
        takes: training data of the method.
        source: factory of the batches of a method that takes unpaired images, (split, size_px, pairs, seed,
            settings, augment, device) -> BatchSource. None for pairs and places; the data set provides their
            batches.
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
    """Return the names of the methods that take a kind of data."""
    return [name for name, row in METHODS.items() if row.takes is takes]


def new_method(settings: MethodSettings, dphr: DphrConfig, encoder: ViewEncoder, places: int) -> Method:
    """Build a method, wrapped in DPHR if `dphr.weight` is above 0.

    Args:
        settings: settings of the method.
        dphr: settings of DPHR.
        encoder: encoder to train.
        places: number of training places, 0 if they are sampled without end.

    Raises:
        ParameterError: the method classifies places and `places` is 0, or the method cannot use the encoder.
    """
    row = METHODS[settings.name]
    arguments: tuple[Any, ...] = (encoder, settings)
    if row.takes is Takes.PLACES:
        if places < 1:
            raise ParameterError(
                f"method {settings.name} classifies places, but the data samples places without end; use "
                f"method {either(taking(Takes.PAIRS))} or a published data set."
            )
        arguments = (encoder, settings, places)
    method = row.build(*arguments)
    return Dphr(method, dphr) if dphr.weight > 0 else method
