# SPDX-License-Identifier: Apache-2.0
"""Configuration of a training run as a tree of frozen dataclasses."""

from dataclasses import asdict, dataclass, field
from typing import Any, Union

from geoloc.encoder.card import Architecture
from geoloc.errors import ParameterError
from geoloc.paths import expanded_home
from geoloc.typed import build
from geoloc_training.augment.augment_config import AugmentConfig, ImageAugmentConfig
from geoloc_training.checks import either, require, require_choice
from geoloc_training.datasets.data_config import MAP, REGION, DataConfig
from geoloc_training.methods.dphr.settings import DphrConfig
from geoloc_training.methods.registry import METHODS, Takes, taking

# The settings of one method. `method.name` chooses it; the first of `METHODS` is the default.
MethodConfig = Union[tuple(row.settings for row in METHODS.values())]  # type: ignore[valid-type] # noqa: UP007


@dataclass(frozen=True)
class ModelConfig(Architecture):
    """Architecture of the encoder, and the source of its initial weights.

    Attributes:
        pretrained: whether a new run starts with timm's pretrained weights for the backbone.
        pretrained_file: safetensors or pth file with these weights, for machines that cannot download them.
    """

    backbone: str = "resnet18"
    stem: str = "unshuffle"
    pretrained: bool = False
    pretrained_file: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "pretrained_file", expanded_home(self.pretrained_file))
        require(
            self.pretrained or not self.pretrained_file,
            f"model.pretrained_file={self.pretrained_file} and model.pretrained=false contradict each other; "
            "set model.pretrained=true or leave out the file.",
        )
        for name in ("input_px", "descriptor_size", "head_channels", "rings"):
            value = getattr(self, name)
            require(value > 0, f"model.{name}={value} is not positive; use 1 or more.")
        require(
            min(self.std) > 0, f"model.std={list(self.std)} has an entry of 0 or less; use positive numbers."
        )


@dataclass(frozen=True)
class OptimiserConfig:
    """Optimizer, length of the run, and learning rate schedule.

    Attributes:
        name: adamw or sgd.
        steps: length of the run in steps; 0 to use `epochs`.
        epochs: length of the run in passes over the training places, used if `steps` is 0.
        pairs: pairs in a step's batch, over all devices.
        accumulate: number of parts that a device's batch is split into; gradients are accumulated over them.
            The loss sees one part at a time, so each pair has fewer negatives.
        learning_rate: peak learning rate.
        backbone_rate: factor on the learning rate for the backbone.
        weight_decay: weight decay of matrices; biases, norms and temperatures do not decay.
        momentum: momentum of sgd.
        nesterov: whether sgd uses Nesterov momentum.
        schedule: cosine (warm-up, plateau, descent), step (decays by `gamma` at `milestones`) or constant.
        warmup_steps: steps of linear warm-up, for every schedule.
        descent: share of the steps in the cosine's descent (cosine).
        milestones: times of decay as shares of the run (step).
        gamma: factor on the learning rate at each milestone (step).
        clip_norm: largest norm of the gradient; 0 for no limit.
        clip_value: largest magnitude of a gradient's entry; 0 for no limit.
        ema_decay: decay of the exponential moving average of the weights, which is validated and exported;
            0 to use the plain weights.
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
            f"optimiser.learning_rate={self.learning_rate} or "
            f"optimiser.backbone_rate={self.backbone_rate} is out of range; use a positive learning rate and "
            "a factor of 0 or more.",
        )
        require(
            self.clip_norm >= 0 and self.clip_value >= 0 and 0 <= self.ema_decay < 1,
            f"optimiser.clip_norm={self.clip_norm}, clip_value={self.clip_value} or "
            f"ema_decay={self.ema_decay} is out of range; use 0 or more, and for ema_decay less than 1.",
        )
        require(
            self.weight_decay >= 0 and 0 <= self.momentum < 1,
            f"optimiser.weight_decay={self.weight_decay} or optimiser.momentum={self.momentum} is out of "
            "range; use 0 or more, and for momentum less than 1.",
        )

    def _check_length(self) -> None:
        require(
            self.steps >= 0 and self.epochs >= 0 and self.steps + self.epochs > 0,
            f"optimiser.steps={self.steps} and epochs={self.epochs} give the run no length; set one of them "
            "above 0 and neither below.",
        )
        require(self.pairs > 1, f"optimiser.pairs={self.pairs} is too small for a batch; use 2 or more.")
        require(
            self.accumulate > 0 and self.pairs % self.accumulate == 0,
            f"optimiser.accumulate={self.accumulate} does not divide optimiser.pairs={self.pairs}; "
            "choose a divisor.",
        )
        require(
            self.pairs // max(1, self.accumulate) > 1,
            f"optimiser.accumulate={self.accumulate} splits optimiser.pairs={self.pairs} into parts of one "
            "pair, without negatives; use a smaller optimiser.accumulate.",
        )
        require(
            self.warmup_steps >= 0 and (self.warmup_steps < self.steps or not self.steps),
            f"optimiser.warmup_steps={self.warmup_steps} is not below steps={self.steps}, or is negative; "
            "shorten the warm-up, or set 0 for none.",
        )

    def _check_schedule(self) -> None:
        require_choice(self, "optimiser", "schedule", "cosine", "step", "constant")
        require(
            0 < self.descent <= 1,
            f"optimiser.descent={self.descent} is not a share of the steps; use above 0, up to 1.",
        )
        require(
            self.schedule != "step" or bool(self.milestones),
            "optimiser.schedule=step has no optimiser.milestones; set them, for example to [0.6, 0.9].",
        )
        require(
            all(0 < share < 1 for share in self.milestones),
            f"optimiser.milestones={list(self.milestones)} are not shares of the run; use numbers between 0 "
            "and 1.",
        )
        require(
            0 < self.gamma <= 1,
            f"optimiser.gamma={self.gamma} does not lower the learning rate; use above 0, up to 1.",
        )


@dataclass(frozen=True)
class HardwareConfig:
    """Hardware of a run.

    Attributes:
        accelerator: auto, cpu or gpu.
        devices: processes on this machine, one for each device.
        nodes: number of machines.
        precision: fp32, bf16 or fp16 (gpu only, with loss scaling).
        workers: threads that prepare batches ahead.
        threads: threads of torch on a CPU.
        sync_batchnorm: whether batch norm uses the statistics of all devices (gpu only).
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
            f"threads={self.threads} are not all positive; use 1 or more.",
        )
        self.check_accelerator(self.accelerator)

    def check_accelerator(self, accelerator: str) -> None:
        """Raise `ParameterError` for settings that an accelerator does not support; auto passes."""
        require(
            not (self.precision == "fp16" and accelerator == "cpu"),
            "hardware.precision=fp16 needs a GPU, but hardware.accelerator is cpu; use bf16 or fp32.",
        )
        require(
            not (self.sync_batchnorm and accelerator == "cpu"),
            "hardware.sync_batchnorm=true needs GPUs, but hardware.accelerator is cpu; set it to false.",
        )


@dataclass(frozen=True)
class TrainConfig:
    """Configuration of a training run.

    Attributes:
        seed: seed of weights, batches and dropout.
        checkpoint_every: steps between checkpoints.
        evaluate_every: steps between validations.
        method: training method, chosen by `method.name`.
        dphr: hardness-aware reweighting (DPHR), added to the method; weight 0 disables it.
        data: training data.
        model: the encoder.
        augment: augmentation of the drone views of `map`.
        image_augment: augmentation of the images of published sets.
        optimiser: optimizer and length of the run.
        hardware: hardware of the run.
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
            "are not both positive; use 1 or more.",
        )
        require(self.seed >= 0, f"seed={self.seed} is negative; use a whole number from 0.")
        require(
            self.dphr.weight >= 0,
            f"dphr.weight={self.dphr.weight} is negative; use 0 to disable DPHR, or more.",
        )
        self._check_method()
        require(
            self.optimiser.steps > 0 or self.data.name != MAP,
            f"optimiser.epochs={self.optimiser.epochs} is set without steps, but data '{MAP}' has no epochs; "
            "set optimiser.steps.",
        )
        self._check_parts()

    @property
    def method_name(self) -> str:
        """Return the method's name for checkpoints and cards, with DPHR if enabled."""
        return self.method.name + (" with dphr" if self.dphr.weight > 0 else "")

    def _check_parts(self) -> None:
        ranks = self.hardware.devices * self.hardware.nodes
        parts = ranks * self.optimiser.accumulate
        require(
            self.optimiser.pairs % parts == 0,
            f"optimiser.pairs={self.optimiser.pairs} cannot be divided evenly among {ranks} devices "
            f"(hardware.devices={self.hardware.devices} x nodes={self.hardware.nodes}) with "
            f"optimiser.accumulate={self.optimiser.accumulate} parts each; use a multiple of {parts}.",
        )

    def _check_method(self) -> None:
        name = self.method.name
        require(name in METHODS, f"method '{name}' is unknown; use {either(list(METHODS))}.")
        takes = METHODS[name].takes
        require(
            takes is not Takes.PLACES or self.data.name != MAP,
            f"method {name} classifies places, but data '{MAP}' samples places without end; use method "
            f"{either(taking(Takes.PAIRS))} or a published data set.",
        )
        require(
            takes is not Takes.PICTURES or self.data.name != MAP,
            f"method {name} clusters a fixed set of images, but data '{MAP}' samples views without end; "
            "use a published data set.",
        )
        require(
            takes is Takes.PICTURES or self.data.name != REGION,
            f"method {name} learns from pairs, but data '{REGION}' has no pairs; use method "
            f"{either(taking(Takes.PICTURES))}.",
        )
        require(
            takes is not Takes.PICTURES or self.dphr.weight == 0,
            f"dphr.weight={self.dphr.weight} reweights pairs, but method {name} learns from unpaired images; "
            "set it to 0.",
        )
        self.method.check(self.data.name, self.optimiser.pairs)


def build_config(tree: dict[str, Any]) -> TrainConfig:
    """Build the configuration from plain dictionaries and lists (see `plain`).

    Raises:
        ParameterError: a key is unknown, a value has the wrong type, or values contradict each other.
    """
    return build(TrainConfig, tree, ParameterError)


def plain(config: TrainConfig | DataConfig) -> dict[str, Any]:
    """Return a configuration, or its data part, as dictionaries and lists for YAML."""
    return with_lists(asdict(config))  # type: ignore[no-any-return]


def with_lists(value: Any) -> Any:  # noqa: ANN401 - walks arbitrary YAML
    """Return nested dictionaries and lists with tuples converted to lists, since YAML has no tuples."""
    if isinstance(value, dict):
        return {key: with_lists(item) for key, item in value.items()}
    return [with_lists(item) for item in value] if isinstance(value, (list, tuple)) else value
