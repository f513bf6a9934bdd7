# SPDX-License-Identifier: Apache-2.0
"""A whole training run as one frozen dataclass, built from plain mappings such as YAML holds."""

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from geoloc.errors import ParameterError
from geoloc_training.augment.settings import AugmentConfig, ImageAugmentConfig
from geoloc_training.methods.dmnil.settings import DmnilConfig
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.methods.lpn.settings import LpnConfig
from geoloc_training.methods.sample4geo.settings import Sample4GeoConfig
from geoloc_training.settings import (
    MAP,
    REGION,
    DataConfig,
    HardwareConfig,
    ModelConfig,
    OptimiserConfig,
    require,
)

MethodConfig = Sample4GeoConfig | LpnConfig | DmnilConfig


@dataclass(frozen=True)
class TrainConfig:
    """A whole run.

    Attributes:
        seed: of weights, batches and dropout.
        checkpoint_every: steps between checkpoints.
        evaluate_every: steps between validations.
        method: the host, chosen by `method.name`.
        dphr: hardness-aware reweighting beside it; weight 0 leaves it out.
        data: what is learnt from.
        model: the encoder.
        augment: how far drone views of `map` differ from map views.
        image_augment: how pictures of published sets are varied.
        optimiser: how the weights change.
        hardware: where.
    """

    seed: int = 1
    checkpoint_every: int = 100
    evaluate_every: int = 200
    method: MethodConfig = field(default_factory=Sample4GeoConfig)
    dphr: DphrConfig = field(default_factory=DphrConfig)
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    image_augment: ImageAugmentConfig = field(default_factory=ImageAugmentConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)

    def __post_init__(self) -> None:
        require(
            self.checkpoint_every > 0 and self.evaluate_every > 0,
            f"checkpoint_every={self.checkpoint_every} and evaluate_every={self.evaluate_every} "
            "must be above 0.",
        )
        require(self.seed >= 0, f"seed={self.seed} must not be negative; any whole number from 0 will do.")
        require(self.dphr.weight >= 0, f"dphr.weight={self.dphr.weight} must not be negative; 0 is off.")
        require(
            not (self.method.name == "lpn" and self.data.name == MAP),
            f"method lpn classifies places and data '{MAP}' draws them without end, so it has no classes; "
            "use method sample4geo or a published data set.",
        )
        require(
            self.optimiser.steps > 0 or self.data.name != MAP,
            f"optimiser.epochs={self.optimiser.epochs} without steps, but data '{MAP}' has no epochs; "
            "set optimiser.steps.",
        )
        self._check_parts()
        if isinstance(self.method, DmnilConfig):
            self._check_unpaired(self.method)

    def _check_unpaired(self, method: DmnilConfig) -> None:
        require(
            self.data.name != MAP,
            f"method dmnil clusters a set of pictures and data '{MAP}' draws views without end; use a "
            "published data set.",
        )
        require(
            self.dphr.weight == 0,
            f"dphr.weight={self.dphr.weight} reweights pairs and method dmnil knows none; set it to 0.",
        )
        require(
            method.enhancement.by != "path" or self.data.name == REGION,
            f"method.enhancement.by=path follows a flight's frames over a map's tiles, and data "
            f"'{self.data.name}' has neither order nor places; use votes.",
        )
        require(
            self.optimiser.pairs % method.instances == 0,
            f"method.instances={method.instances} does not divide optimiser.pairs={self.optimiser.pairs}, "
            "which is clusters times instances; choose a multiple.",
        )

    @property
    def method_name(self) -> str:
        """The method with what lies beside it, as checkpoints and cards say it."""
        return self.method.name + (" with dphr" if self.dphr.weight > 0 else "")

    def _check_parts(self) -> None:
        ranks = self.hardware.devices * self.hardware.nodes
        parts = ranks * self.optimiser.accumulate
        require(
            self.optimiser.pairs % parts == 0,
            f"optimiser.pairs={self.optimiser.pairs} cannot be shared by {ranks} devices "
            f"(hardware.devices={self.hardware.devices} x nodes={self.hardware.nodes}) in "
            f"optimiser.accumulate={self.optimiser.accumulate} parts; use a multiple of {parts}.",
        )


def build_config(tree: dict[str, Any]) -> TrainConfig:
    """Build the dataclass tree from plain dictionaries and lists (see `plain`).

    Raises:
        ParameterError: an unknown key, a value of the wrong kind, or values that contradict each other.
    """
    config: TrainConfig = build(TrainConfig, tree, "")
    return config


def plain(config: TrainConfig | DataConfig) -> dict[str, Any]:
    """A configuration, or its data, as dictionaries and lists, ready for YAML."""
    tree: dict[str, Any] = yaml.safe_load(yaml.safe_dump(_listed(asdict(config))))
    return tree


def build(kind: type, tree: Any, where: str) -> Any:  # noqa: ANN401 - one builder for every dataclass
    """A frozen dataclass from a mapping; `where` is the mapping's place in the configuration, "data." say."""
    name = where.rstrip(".") or "configuration"
    require(isinstance(tree, dict), f"'{name}' must be a mapping, found {tree!r}.")
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    unknown = set(tree) - known
    require(
        not unknown,
        f"unknown setting {where}{', '.join(sorted(map(str, unknown)))}; known: {', '.join(sorted(known))}.",
    )
    values = {key: _value(hints[key], item, f"{where}{key}") for key, item in tree.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ParameterError(f"'{name}' is incomplete or of the wrong kind: {error}.") from error


def _value(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401
    if is_dataclass(hint):
        return build(hint, item, where + ".")  # type: ignore[arg-type]
    if get_origin(hint) in (UnionType, type(MethodConfig)):
        return _chosen(get_args(hint), item, where)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), item, where)
    accepted = (int, float) if hint is float else get_origin(hint) or hint
    valid = isinstance(item, accepted) and (hint is bool or not isinstance(item, bool))
    require(valid, f"'{where}' must be {getattr(hint, '__name__', hint)}, found {item!r}.")
    return float(item) if hint is float else item


def _chosen(kinds: tuple[type, ...], item: Any, where: str) -> Any:  # noqa: ANN401
    """One of several dataclasses, told apart by their field `name`."""
    require(isinstance(item, dict), f"'{where}' must be a mapping, found {item!r}; write {where}.name=….")
    known = {kind().name: kind for kind in kinds}
    name = item.get("name", next(iter(known)))
    require(name in known, f"{where}.name '{name}' is unknown; use {' or '.join(known)}.")
    return build(known[name], item, where + ".")


def _tuple(kinds: tuple[Any, ...], item: Any, where: str) -> tuple[Any, ...]:  # noqa: ANN401
    require(isinstance(item, list), f"'{where}' must be a list, found {item!r}.")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(item)
    require(len(kinds) == len(item), f"'{where}' must be a list of {len(kinds)} values, found {len(item)}.")
    return tuple(
        _value(kind, entry, f"{where}.{i}") for i, (kind, entry) in enumerate(zip(kinds, item, strict=True))
    )


def _listed(value: Any) -> Any:  # noqa: ANN401 - walks arbitrary YAML
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, (list, tuple)) else value
