# SPDX-License-Identifier: Apache-2.0
"""Data, network, optimiser and hardware of a run, as frozen dataclasses that refuse what cannot be."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from geoloc.encoder.card import Architecture
from geoloc.errors import ParameterError
from geoloc_training.datasets.settings import SourceConfig
from geoloc_training.methods.sample4geo.settings import SamplingConfig

MAP = "map"
REGION = "region"
_WITHOUT_LOCATIONS = ("u1652", "sues200")
_SCHEDULES = ("cosine", "step", "constant")
_PRECISIONS = ("fp32", "bf16", "fp16")


def require(condition: bool, sentence: str) -> None:
    """Raise `ParameterError` with the sentence where the condition does not hold."""
    if not condition:
        raise ParameterError(sentence)


@dataclass(frozen=True)
class DataConfig:
    """What is learnt from.

    Attributes:
        name: map, or a published set (`geoloc-train datasets list`).
        root: folder of the data; for `map` empty means the procedural worlds alone.
        validation_share: share of the training places held out to choose the best weights by; 0 for none.
        sampling: how batches of a published set are filled: random, gps (neighbours on the ground) or
            similarity (neighbours by the present descriptors; gps at first, where positions are known).
        neighbours: places of a batch that are neighbours of its first ones.
        pool: nearest places that neighbours are drawn from.
        resample_every: epochs between two searches for similar places.
        sources: kinds of imagery of `map`, with their shares of a batch.
        validation: `city:map_date:query_date` of `map` that select; never trained on.
    """

    name: str = MAP
    root: str = ""
    validation_share: float = 0.1
    sampling: str = "random"
    neighbours: int = 64
    pool: int = 128
    resample_every: int = 4
    sources: tuple[SourceConfig, ...] = ()
    validation: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(
            0 <= self.validation_share < 1,
            f"data.validation_share={self.validation_share} must lie in 0..1, 1 excluded.",
        )
        self.sampling_config()
        require(
            self.sampling != "gps" or not self.name.startswith(_WITHOUT_LOCATIONS),
            f"data.sampling=gps needs positions and data '{self.name}' has none to sample by; use random.",
        )
        require(
            self.sampling == "random" or self.name != MAP,
            f"data.sampling={self.sampling} is for published sets; data '{MAP}' draws its own neighbours: "
            "use random.",
        )
        self._check_validation_city()

    def folder(self) -> Path:
        """Where the data lies.

        Raises:
            ParameterError: nobody has said.
        """
        require(bool(self.root), f"data '{self.name}' needs its folder: add data.root=DIR.")
        return Path(self.root)

    def sampling_config(self) -> SamplingConfig:
        """How batches of a published set are filled."""
        return SamplingConfig(self.sampling, self.neighbours, self.pool, self.resample_every)

    def _check_validation_city(self) -> None:
        tested = {name.split(":")[0] for name in self.validation}
        for source in self.sources:
            both = set(source.cities) & tested
            require(
                not both,
                f"{', '.join(sorted(both))} is both trained on and validated with; remove it from one.",
            )


@dataclass(frozen=True)
class ModelConfig:
    """The encoder; see `geoloc.encoder.card.Architecture`.

    Attributes:
        pretrained: begin a new run with the weights that timm knows for the backbone.
        pretrained_file: a safetensors or pth file with those weights, where they cannot be fetched.
    """

    backbone: str = "resnet18"
    backbone_args: dict[str, Any] = field(default_factory=dict)
    stem: str = "unshuffle"
    head: str = "grid"
    head_channels: int = 48
    rings: int = 4
    descriptor_size: int = 256
    input_px: int = 160
    standardise: bool = True
    mean: tuple[float, float, float] = Architecture.mean
    std: tuple[float, float, float] = Architecture.std
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

    def architecture(self) -> Architecture:
        """The network these settings describe."""
        known = {f.name for f in fields(Architecture)}
        return Architecture(**{name: value for name, value in vars(self).items() if name in known})


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
        require(self.name in ("adamw", "sgd"), f"optimiser '{self.name}' is unknown; use adamw or sgd.")
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
        require(
            self.schedule in _SCHEDULES,
            f"optimiser.schedule '{self.schedule}' is unknown; use {', '.join(_SCHEDULES)}.",
        )
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
        require(
            self.accelerator in ("auto", "cpu", "gpu"),
            f"hardware.accelerator '{self.accelerator}' is unknown; use auto, cpu or gpu.",
        )
        require(
            self.precision in _PRECISIONS,
            f"hardware.precision '{self.precision}' is unknown; use {', '.join(_PRECISIONS)}.",
        )
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
