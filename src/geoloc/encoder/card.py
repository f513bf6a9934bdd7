# SPDX-License-Identifier: Apache-2.0
"""The card of a model directory: what the network is, how it was trained, and that its files are whole."""

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
    """Everything needed to rebuild the network, as the card records it.

    Attributes:
        backbone: name of a timm model, convolutional or of tokens.
        backbone_args: further arguments of `timm.create_model`.
        stem: "timm" keeps the backbone's own; "unshuffle" folds 4 x 4 pixels into channels first (ResNets
            only), which on CPUs halves the time of a training step.
        head: "grid" keeps the layout of the view, "pool" averages it away (GeM), "both" concatenates the two;
            "gap" is the backbone's own pooled feature and adds nothing, as in Sample4Geo (a global average;
            in transformers whatever timm pools by, often the class token); "rings" describes square rings
            around the centre one by one, as in LPN.
        head_channels: channels a cell of the grid keeps.
        rings: number of rings; each fills an equal part of the descriptor.
        descriptor_size: length D of the descriptor.
        input_px: side S of the view.
        standardise: bring each channel of each view to zero mean and unit deviation, so that exposure and
            white balance cancel.
        mean: per channel, of views in 0..1.
        std: per channel, of views in 0..1.
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
    """One measured recall, with the protocol it was measured by.

    Attributes:
        protocol: the test in words.
        queries: number of queries.
        gallery: number of views searched.
        r1: share of queries whose best view is right.
        r5: share with the right view among the best five.
        data: what it was measured on; empty where not recorded.
        seed: of the training of the weights that were measured; -1 where not recorded.
        commit: of the code that measured; empty where not recorded.
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
        directory: where the model lies.
        id: name of the model, also in maps built with it.
        sha256: of the weights, what a map remembers.
        architecture: the network.
        gsd_range_m: finest and coarsest metres per pixel of a view it was trained for.
        method: training method.
        seed: of the training.
        licence: of the weights, an SPDX identifier.
        metrics: what was measured.
        calibration: suggested thresholds.
        tolerances: of turn and scale; params.yaml repeats them for the nodes.
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
        """Side S of the views the encoder takes."""
        return self.architecture.input_px

    @property
    def descriptor_size(self) -> int:
        """Length D of a descriptor."""
        return self.architecture.descriptor_size

    @property
    def mean(self) -> tuple[float, float, float]:
        """Mean colour of views in 0..1, applied inside the network."""
        return self.architecture.mean

    @property
    def std(self) -> tuple[float, float, float]:
        """Deviation of colours of views in 0..1, applied inside the network."""
        return self.architecture.std


def load_card(model_dir: Path) -> ModelCard:
    """Read a model directory's card and verify every file it names.

    Args:
        model_dir: folder with `model.yaml`, `encoder.safetensors`, `encoder.onnx` and `params.yaml`.

    Raises:
        ModelError: the folder or a file is missing, altered, of an unknown version, or not a geoloc model.
    """
    directory = Path(model_dir)
    path = directory / CARD_NAME
    if not path.is_file():
        raise ModelError(
            f"{directory} is not a model directory: it has no {CARD_NAME}; name a folder such as "
            "models/geoloc-small-2, or make one with `geoloc-train export`."
        )
    tree = read_mapping(path, ModelError, "model card", _FIX)
    version = tree.get("format")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path} has format {version!r}, this geoloc reads format {FORMAT_VERSION}; "
            "export the model again or update geoloc."
        )
    files = tree.get("files")
    if not isinstance(files, dict):
        raise ModelError(f"{path}: 'files' must be a mapping, found {files!r}; {_FIX}.")
    sums = _verify_files(directory, files)
    known = part_for(ModelCard, tree) | {"directory": directory, "sha256": sums[WEIGHTS_NAME]}
    return build(ModelCard, known, ModelError, where=str(path), fix=_FIX)


def _verify_files(directory: Path, files: dict[str, Any]) -> dict[str, str]:
    """Check that each named file lies in the directory and is unaltered."""
    root = directory.resolve()
    missing = [name for name in _FILE_NAMES if name not in files]
    if missing:
        raise ModelError(f"{directory / CARD_NAME} names no {', '.join(missing)}; export the model again.")
    for name, expected in files.items():
        path = (root / str(name)).resolve()
        if not path.is_relative_to(root):
            raise ModelError(
                f"{directory / CARD_NAME} names {name}, which lies outside the model's folder; do not use it."
            )
        if not path.is_file():
            raise ModelError(f"{directory / str(name)} is missing; copy the whole model folder again.")
        if file_sha256(path) != expected:
            raise ModelError(
                f"{directory / str(name)} is truncated or altered (its SHA-256 is not the card's); "
                "copy the whole model folder again."
            )
    return {str(name): str(value) for name, value in files.items()}
