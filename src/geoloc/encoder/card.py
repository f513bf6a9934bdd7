# SPDX-License-Identifier: Apache-2.0
"""The card of a model directory: network, training, measured recall, and checksums of the files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from geoloc.checksums import file_sha256
from geoloc.encoder.calibration import Calibration
from geoloc.errors import ModelError
from geoloc.hypotheses import Tolerances
from geoloc.typed import build, part_for, read_mapping

FORMAT_VERSION = 1
CARD_NAME = "model.yaml"
WEIGHTS_NAME = "encoder.safetensors"
ONNX_NAME = "encoder.onnx"
PARAMETERS_NAME = "params.yaml"
_FILE_NAMES = (WEIGHTS_NAME, ONNX_NAME, PARAMETERS_NAME)
_FIX = "restore the file or export the model again"


@dataclass(frozen=True)
class Architecture:
    """The network, described completely enough to rebuild it.

    Attributes:
        backbone: name of a timm model, convolutional or transformer.
        backbone_args: further arguments of `timm.create_model`.
        stem: "timm" keeps the stem of the backbone; "unshuffle" folds 4 x 4 pixels into channels first
            (ResNets only), which halves the time of a training step on CPUs.
        head: "grid" keeps the layout of the view, "pool" averages over it (GeM), and "both" concatenates the
            two. "gap" takes the pooled feature of the backbone without further layers, as in Sample4Geo: a
            global average, or in transformers what timm pools by, often the class token. "rings" describes
            each square ring around the centre separately, as in LPN.
        head_channels: number of channels per cell of the grid.
        rings: number of rings; each fills an equal part of the descriptor.
        descriptor_size: length D of the descriptor.
        input_px: side S of the view, pixels.
        standardise: whether each channel of each view is scaled to zero mean and unit deviation, which
            cancels exposure and white balance.
        mean: mean of each channel of views in 0..1.
        std: standard deviation of each channel of views in 0..1.
    """

    backbone: str
    backbone_args: dict[str, Any] = field(default_factory=dict)
    stem: str = "timm"
    head: str = "grid"
    head_channels: int = 48
    rings: int = 4
    descriptor_size: int = 256
    input_px: int = 160
    standardise: bool = True
    mean: tuple[float, float, float] = (0.45, 0.45, 0.42)
    std: tuple[float, float, float] = (0.22, 0.21, 0.21)


@dataclass(frozen=True)
class Metric:
    """One measured recall, and the protocol of the measurement.

    Attributes:
        protocol: description of the test.
        queries: number of queries.
        gallery: number of gallery images.
        r1: recall at 1, the share of queries whose best match is correct.
        r5: recall at 5, the share of queries with a correct match among the best five.
        data: data of the measurement; empty if not recorded.
        seed: seed of the training of the measured weights; -1 if not recorded.
        commit: commit of the code that measured; empty if not recorded.
    """

    protocol: str
    queries: int
    gallery: int
    r1: float
    r5: float
    data: str = ""
    seed: int = -1
    commit: str = ""


@dataclass(frozen=True)
class ModelCard:
    """A verified model directory.

    Attributes:
        directory: the model directory.
        id: name of the model; maps built with the model record it.
        sha256: checksum of the weights; maps built with the model record it.
        architecture: the network.
        gsd_range_m: finest and coarsest ground sampling distance of the training views, metres per pixel.
        method: training method.
        seed: seed of the training.
        licence: SPDX identifier of the licence of the weights.
        metrics: measured recalls.
        calibration: thresholds, and corrections of covariances.
        tolerances: tolerated errors of heading and height; params.yaml repeats them for the nodes.
    """

    directory: Path
    id: str
    sha256: str
    architecture: Architecture
    gsd_range_m: tuple[float, float]
    method: str
    seed: int
    licence: str
    metrics: tuple[Metric, ...]
    calibration: Calibration
    tolerances: Tolerances = field(default_factory=Tolerances)

    @property
    def input_px(self) -> int:
        """Side S of the encoder's views, pixels."""
        return self.architecture.input_px

    @property
    def descriptor_size(self) -> int:
        """Length D of a descriptor."""
        return self.architecture.descriptor_size

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean of each channel of views in 0..1; the network subtracts it."""
        return self.architecture.mean

    @property
    def std(self) -> tuple[float, float, float]:
        """Standard deviation of each channel of views in 0..1; the network divides by it."""
        return self.architecture.std


def load_card(model_dir: Path) -> ModelCard:
    """Read the card of a model directory and verify every file that it names.

    Args:
        model_dir: folder with `model.yaml`, `encoder.safetensors`, `encoder.onnx` and `params.yaml`.

    Raises:
        ModelError: if the folder or a file is missing, altered, of an unknown version, or not a geoloc model.
    """
    directory = Path(model_dir)
    path = directory / CARD_NAME
    if not path.is_file():
        raise ModelError(
            f"{directory} is not a model directory, because it has no {CARD_NAME}; give a folder such as "
            "models/geoloc-small-2, or write one with `geoloc-train export`."
        )
    tree = read_mapping(path, ModelError, "model card", _FIX)
    version = tree.get("format")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path} has format {version!r}, but this geoloc reads format {FORMAT_VERSION}; "
            "export the model again or update geoloc."
        )
    files = tree.get("files")
    if not isinstance(files, dict):
        raise ModelError(f"{path}: 'files' is {files!r}, not a mapping; {_FIX}.")
    sums = _verify_files(directory, files)
    known = part_for(ModelCard, tree) | {"directory": directory, "sha256": sums[WEIGHTS_NAME]}
    return build(ModelCard, known, ModelError, where=str(path), fix=_FIX)


def _verify_files(directory: Path, files: dict[str, Any]) -> dict[str, str]:
    """Check that each named file lies in the directory and is unaltered."""
    root = directory.resolve()
    missing = [name for name in _FILE_NAMES if name not in files]
    if missing:
        raise ModelError(
            f"{directory / CARD_NAME} does not list {', '.join(missing)}; export the model again."
        )
    for name, expected in files.items():
        path = (root / str(name)).resolve()
        if not path.is_relative_to(root):
            raise ModelError(
                f"{directory / CARD_NAME} lists {name}, which lies outside its folder; do not use this model."
            )
        if not path.is_file():
            raise ModelError(f"{directory / str(name)} is missing; copy the whole model folder again.")
        if file_sha256(path) != expected:
            raise ModelError(
                f"{directory / str(name)} is truncated or altered, because its SHA-256 is not that of the "
                "card; copy the whole model folder again."
            )
    return {str(name): str(value) for name, value in files.items()}
