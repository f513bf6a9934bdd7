# SPDX-License-Identifier: Apache-2.0
"""What a training run is made of, as frozen dataclasses read from YAML; impossible values are refused."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from geoloc.errors import ParameterError


@dataclass(frozen=True)
class SourceConfig:
    """One kind of imagery in the batch.

    Attributes:
        kind: naip, massachusetts, estonia or world.
        share: weight of this source in a batch, relative to the others.
        view_size_m: smallest and largest view drawn from it.
        cities: which cities of a multi-date set are trained on.
        seeds: which procedural worlds.
        world_size_m: side of each procedural world.
        world_dates: dates each of them is seen at.
        spots_per_ground: most views of one picture in one batch.
        one_group_share: how often all of a source's pairs of a batch come from one group (hard negatives).
    """

    kind: str
    share: float
    view_size_m: tuple[float, float]
    cities: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    world_size_m: float = 1024.0
    world_dates: int = 3
    spots_per_ground: int = 16
    one_group_share: float = 0.5

    def __post_init__(self) -> None:
        low, high = self.view_size_m
        _require(
            0 < low <= high, f"view_size_m of '{self.kind}' is {low}..{high}; give a positive, rising range."
        )
        _require(self.share >= 0, f"share of '{self.kind}' is {self.share}; it must not be negative.")


@dataclass(frozen=True)
class AugmentConfig:
    """How far a drone view may differ from the map view, at full strength.

    Attributes:
        offset: largest offset per axis of most samples, as a fraction of the view.
        wide_offset: largest offset of the others; a map with half-overlapping tiles needs 0.25.
        wide_offset_share: how many of those there are.
        yaw_deg: largest heading error of most samples.
        wide_yaw_deg: largest heading error of the others.
        wide_yaw_share: how many of those there are.
        scale: largest relative change of scale.
        perspective: standard deviation of the two tilt terms.
        border_share: how often part of the view lies outside the camera's frame.
        ramp_steps: steps until full strength, beginning at 0.3.
    """

    offset: float = 0.15
    wide_offset: float = 0.27
    wide_offset_share: float = 0.3
    yaw_deg: float = 13.0
    wide_yaw_deg: float = 30.0
    wide_yaw_share: float = 0.15
    scale: float = 0.14
    perspective: float = 0.03
    border_share: float = 0.3
    ramp_steps: int = 300


@dataclass(frozen=True)
class ModelConfig:
    """Shape of the encoder; see `geoloc.encoder.torch_backend.Architecture`."""

    backbone: str = "resnet18"
    backbone_args: dict[str, Any] = field(default_factory=dict)
    stem: str = "unshuffle"
    head: str = "grid"
    head_channels: int = 48
    descriptor_size: int = 256
    input_px: int = 160
    standardise: bool = True


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW, warm-up, a plateau and a cosine descent; InfoNCE's temperature and smoothing."""

    steps: int = 4000
    pairs: int = 96
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_steps: int = 100
    descent: float = 1.0
    ema_decay: float = 0.998
    label_smoothing: float = 0.1
    temperature: float = 0.07
    precision: str = "bf16"

    def __post_init__(self) -> None:
        _require(
            self.steps > 0 and self.pairs > 1, f"steps={self.steps}, pairs={self.pairs}: both must be larger."
        )
        _require(
            self.warmup_steps < self.steps,
            f"warmup_steps={self.warmup_steps} is not below steps={self.steps}; shorten the warm-up.",
        )
        _require(
            0 < self.descent <= 1, f"descent={self.descent} is the share of steps that descend: use 0..1."
        )
        _require(
            self.precision in ("bf16", "fp32"), f"precision '{self.precision}' is unknown; use bf16 or fp32."
        )


@dataclass(frozen=True)
class TrainConfig:
    """A whole run. `validation` names the city that selects, never trained on."""

    seed: int = 1
    method: str = "contrastive"
    validation: tuple[str, ...] = ()
    checkpoint_every: int = 100
    evaluate_every: int = 200
    threads: int = 2
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    sources: tuple[SourceConfig, ...] = ()

    def __post_init__(self) -> None:
        for source in self.sources:
            both = set(source.cities) & {name.split(":")[0] for name in self.validation}
            _require(
                not both,
                f"{', '.join(sorted(both))} is both trained on and validated with; remove it from one.",
            )


def load_config(path: Path, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read a run's YAML and apply `key=value` overrides (`optimiser.steps=500`, values are YAML).

    Raises:
        ParameterError: no such file, not YAML, an unknown key or a value of the wrong kind.
    """
    if not path.is_file():
        raise ParameterError(
            f"{path} does not exist; give a training configuration, e.g. config/training/contrastive.yaml."
        )
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {error}.") from error
    if not isinstance(tree, dict):
        raise ParameterError(f"{path} must hold a mapping of settings, found {type(tree).__name__}.")
    for override in overrides:
        _override(tree, override)
    return build_config(tree)


def build_config(tree: dict[str, Any]) -> TrainConfig:
    """Build the dataclass tree from plain dictionaries and lists (see `plain`)."""
    config: TrainConfig = _build(TrainConfig, tree, "")
    return config


def plain(config: TrainConfig) -> dict[str, Any]:
    """The configuration as dictionaries and lists, ready for YAML."""
    tree: dict[str, Any] = yaml.safe_load(yaml.safe_dump(_listed(asdict(config))))
    return tree


def with_steps(config: TrainConfig, steps: int) -> TrainConfig:
    """The same run with another length."""
    return replace(config, optimiser=replace(config.optimiser, steps=steps))


def _listed(value: Any) -> Any:  # noqa: ANN401 - walks arbitrary YAML
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, (list, tuple)) else value


def _override(tree: dict[str, Any], text: str) -> None:
    name, separator, value = text.partition("=")
    _require(bool(separator), f"override '{text}' has no '='; write key=value, e.g. optimiser.steps=500.")
    *parents, last = name.strip().split(".")
    for part in parents:
        tree = tree.setdefault(part, {}) if isinstance(tree, dict) else tree[int(part)]
    if isinstance(tree, list):
        tree[int(last)] = yaml.safe_load(value)
    else:
        tree[last] = yaml.safe_load(value)


def _build(kind: type, tree: Any, where: str) -> Any:  # noqa: ANN401 - one builder for every dataclass
    _require(isinstance(tree, dict), f"'{where or 'configuration'}' must be a mapping, found {tree!r}.")
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    unknown = set(tree) - known
    _require(
        not unknown,
        f"unknown setting {where}{', '.join(sorted(map(str, unknown)))}; known: {', '.join(sorted(known))}.",
    )
    values = {key: _value(hints[key], item, f"{where}{key}") for key, item in tree.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise ParameterError(
            f"'{where or 'configuration'}' is incomplete or of the wrong kind: {error}."
        ) from error


def _value(hint: Any, item: Any, where: str) -> Any:  # noqa: ANN401
    if is_dataclass(hint):
        return _build(hint, item, where + ".")  # type: ignore[arg-type]
    if hint == tuple[SourceConfig, ...]:
        _require(isinstance(item, list), f"'{where}' must be a list of sources.")
        return tuple(_build(SourceConfig, entry, f"{where}.{i}.") for i, entry in enumerate(item))
    if getattr(hint, "__origin__", hint) is tuple:
        _require(isinstance(item, list), f"'{where}' must be a list, found {item!r}.")
        return tuple(item)
    accepted = (int, float) if hint is float else getattr(hint, "__origin__", hint)
    valid = isinstance(item, accepted) and (hint is bool or not isinstance(item, bool))
    _require(valid, f"'{where}' must be {getattr(hint, '__name__', hint)}, found {item!r}.")
    return float(item) if hint is float else item


def _require(condition: bool, sentence: str) -> None:
    if not condition:
        raise ParameterError(sentence)
