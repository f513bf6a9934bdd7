# SPDX-License-Identifier: Apache-2.0
"""A whole training run as one frozen dataclass; each part configures one piece of the run."""

from dataclasses import asdict, dataclass, field
from typing import Any, Union

from geoloc.encoder.card import Architecture
from geoloc.errors import ParameterError
from geoloc.typed import build
from geoloc_training.augment.augment_config import AugmentConfig, ImageAugmentConfig
from geoloc_training.checks import either, require, require_choice
from geoloc_training.datasets.data_config import MAP, REGION, DataConfig
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.methods.registry import METHODS, Takes, taking

# The settings of one method, chosen by `method.name`; the first of `METHODS` where there is no name.
MethodConfig = Union[tuple(row.settings for row in METHODS.values())]  # type: ignore[valid-type] # noqa: UP007


@dataclass(frozen=True)
class ModelConfig(Architecture):
    """The encoder: an architecture, and where its first weights come from.

    Attributes:
        pretrained: begin a new run with the weights that timm knows for the backbone.
        pretrained_file: a safetensors or pth file with those weights, where they cannot be fetched.
    """

    backbone: str = "resnet18"
    stem: str = "unshuffle"
    pretrained: bool = False
    pretrained_file: str = ""

    def __post_init__(self) -> None:
        require(
            self.pretrained or not self.pretrained_file,
            f"model.pretrained_file={self.pretrained_file} and model.pretrained=false contradict each other; "
            "set model.pretrained=true or leave the file out.",
        )
        for name in ("input_px", "descriptor_size", "head_channels", "rings"):
            value = getattr(self, name)
            require(value > 0, f"model.{name}={value} must be above 0.")
        require(min(self.std) > 0, f"model.std={list(self.std)} divides the colours: use numbers above 0.")


@dataclass(frozen=True)
class OptimiserConfig:
    """How long, in what steps and by which rule the weights change.

    Attributes:
        name: adamw or sgd.
        steps: length of the run; 0 takes `epochs`.
        epochs: length in passes over the training places, used where steps is 0.
        pairs: pairs of a step over all devices.
        accumulate: parts a device's pairs are cut into, one after the other; each is a batch of its own to
            the loss, so its pairs meet fewer negatives.
        learning_rate: at its height.
        backbone_rate: factor of the rate for the backbone.
        weight_decay: of matrices; biases, norms and temperatures do not decay.
        momentum: of sgd.
        nesterov: whether sgd looks ahead by it, as Nesterov's does.
        schedule: cosine (warm-up, plateau, descent), step (falls by `gamma` at `milestones`) or constant.
        warmup_steps: steps of a linear rise, with every schedule.
        descent: share of the steps that descend (cosine).
        milestones: when the rate falls, as shares of the run (step).
        gamma: factor of each fall (step).
        clip_norm: longest gradient; 0 for any.
        clip_value: largest entry of the gradient; 0 for any.
        ema_decay: of the averaged weights, which are what is validated and exported; 0 for the plain weights.
    """

    name: str = "adamw"
    steps: int = 4000
    epochs: int = 0
    pairs: int = 96
    accumulate: int = 1
    learning_rate: float = 1e-3
    backbone_rate: float = 1.0
    weight_decay: float = 0.05
    momentum: float = 0.9
    nesterov: bool = True
    schedule: str = "cosine"
    warmup_steps: int = 100
    descent: float = 1.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    clip_norm: float = 5.0
    clip_value: float = 0.0
    ema_decay: float = 0.998

    def __post_init__(self) -> None:
        self._check_length()
        self._check_schedule()
        require_choice(self, "optimiser", "name", "adamw", "sgd")
        require(
            self.learning_rate > 0 and self.backbone_rate >= 0,
            f"optimiser.learning_rate={self.learning_rate} must be above 0 and "
            f"optimiser.backbone_rate={self.backbone_rate} not below.",
        )
        require(
            self.clip_norm >= 0 and self.clip_value >= 0 and 0 <= self.ema_decay < 1,
            f"optimiser.clip_norm={self.clip_norm}, clip_value={self.clip_value}, "
            f"ema_decay={self.ema_decay}: the last lies in 0..1, none is negative.",
        )
        require(
            self.weight_decay >= 0 and 0 <= self.momentum < 1,
            f"optimiser.weight_decay={self.weight_decay} must not be negative, and "
            f"optimiser.momentum={self.momentum} must lie in 0..1, 1 excluded.",
        )

    def _check_length(self) -> None:
        require(
            self.steps >= 0 and self.epochs >= 0 and self.steps + self.epochs > 0,
            f"optimiser.steps={self.steps} and epochs={self.epochs}: one of them must be above 0.",
        )
        require(self.pairs > 1, f"optimiser.pairs={self.pairs} must be above 1.")
        require(
            self.accumulate > 0 and self.pairs % self.accumulate == 0,
            f"optimiser.accumulate={self.accumulate} does not divide optimiser.pairs={self.pairs}; "
            "choose a divisor.",
        )
        require(
            self.pairs // max(1, self.accumulate) > 1,
            f"optimiser.accumulate={self.accumulate} leaves one pair of optimiser.pairs={self.pairs} a part; "
            "a pair needs others to differ from.",
        )
        require(
            self.warmup_steps >= 0 and (self.warmup_steps < self.steps or not self.steps),
            f"optimiser.warmup_steps={self.warmup_steps} is not below steps={self.steps}, or is negative; "
            "shorten the warm-up, 0 leaves it out.",
        )

    def _check_schedule(self) -> None:
        require_choice(self, "optimiser", "schedule", "cosine", "step", "constant")
        require(
            0 < self.descent <= 1,
            f"optimiser.descent={self.descent} is the share of steps that descend: use 0..1.",
        )
        require(
            self.schedule != "step" or bool(self.milestones),
            "optimiser.schedule=step has optimiser.milestones=[]; say when the rate falls, e.g. [0.6, 0.9].",
        )
        require(
            all(0 < share < 1 for share in self.milestones),
            f"optimiser.milestones={list(self.milestones)} are shares of the run, between 0 and 1.",
        )
        require(0 < self.gamma <= 1, f"optimiser.gamma={self.gamma} is the factor of a fall: use 0..1.")


@dataclass(frozen=True)
class HardwareConfig:
    """Where a run happens.

    Attributes:
        accelerator: auto, cpu or gpu.
        devices: processes on this machine, one a device.
        nodes: machines.
        precision: fp32, bf16 or fp16 (gpu only, with a scaled loss).
        workers: threads that draw batches ahead.
        threads: threads of torch on a CPU.
        sync_batchnorm: batch norm over all devices (gpu only).
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    precision: str = "fp32"
    workers: int = 1
    threads: int = 2
    sync_batchnorm: bool = False

    def __post_init__(self) -> None:
        require_choice(self, "hardware", "accelerator", "auto", "cpu", "gpu")
        require_choice(self, "hardware", "precision", "fp32", "bf16", "fp16")
        require(
            min(self.devices, self.nodes, self.workers, self.threads) > 0,
            f"hardware.devices={self.devices}, nodes={self.nodes}, workers={self.workers}, "
            f"threads={self.threads} must all be above 0.",
        )
        self.check_accelerator(self.accelerator)

    def check_accelerator(self, accelerator: str) -> None:
        """Refuse what the accelerator (cpu or gpu; auto is not yet known) cannot do."""
        require(
            not (self.precision == "fp16" and accelerator == "cpu"),
            "hardware.precision=fp16 needs a GPU and hardware.accelerator is cpu; use bf16 or fp32.",
        )
        require(
            not (self.sync_batchnorm and accelerator == "cpu"),
            "hardware.sync_batchnorm=true needs GPUs and hardware.accelerator is cpu; set it to false.",
        )


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
    method: MethodConfig = field(default_factory=next(iter(METHODS.values())).settings)
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
        self._check_method()
        require(
            self.optimiser.steps > 0 or self.data.name != MAP,
            f"optimiser.epochs={self.optimiser.epochs} without steps, but data '{MAP}' has no epochs; "
            "set optimiser.steps.",
        )
        self._check_parts()

    @property
    def method_name(self) -> str:
        """Return the method with what lies beside it, as checkpoints and cards say it."""
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

    def _check_method(self) -> None:
        name = self.method.name
        require(name in METHODS, f"method '{name}' is unknown; use {either(list(METHODS))}.")
        takes = METHODS[name].takes
        require(
            takes is not Takes.PLACES or self.data.name != MAP,
            f"method {name} classifies places and data '{MAP}' draws them without end, so it has no classes; "
            f"use method {either(taking(Takes.PAIRS))}, or a published data set.",
        )
        require(
            takes is not Takes.PICTURES or self.data.name != MAP,
            f"method {name} clusters a set of pictures and data '{MAP}' draws views without end; use a "
            "published data set.",
        )
        require(
            takes is Takes.PICTURES or self.data.name != REGION,
            f"data '{REGION}' has no pairs, which method {name} learns from; use method "
            f"{either(taking(Takes.PICTURES))}.",
        )
        require(
            takes is not Takes.PICTURES or self.dphr.weight == 0,
            f"dphr.weight={self.dphr.weight} reweights pairs and method {name} knows none; set it to 0.",
        )
        self.method.check(self.data.name, self.optimiser.pairs)


def build_config(tree: dict[str, Any]) -> TrainConfig:
    """Build the configuration from plain dictionaries and lists (see `plain`).

    Raises:
        ParameterError: an unknown key, a value of the wrong kind, or values that contradict each other.
    """
    return build(TrainConfig, tree, ParameterError)


def plain(config: TrainConfig | DataConfig) -> dict[str, Any]:
    """Return a configuration, or its data, as dictionaries and lists, ready for YAML."""
    return with_lists(asdict(config))  # type: ignore[no-any-return]


def with_lists(value: Any) -> Any:  # noqa: ANN401 - walks arbitrary YAML
    """Return nested dictionaries and lists with lists in place of tuples, which YAML does not have."""
    if isinstance(value, dict):
        return {key: with_lists(item) for key, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
