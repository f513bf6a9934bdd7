# SPDX-License-Identifier: Apache-2.0
"""The card of a model directory: what the network is, how it was trained, and that its files are whole."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from geoloc.encoder.calibration import Calibration
from geoloc.errors import ModelError, ParameterError
from geoloc.hypotheses import Tolerances

FORMAT_VERSION = 1
CARD_NAME = "model.yaml"
WEIGHTS_NAME = "encoder.safetensors"
ONNX_NAME = "encoder.onnx"
PARAMETERS_NAME = "params.yaml"
_FILE_NAMES = (WEIGHTS_NAME, ONNX_NAME, PARAMETERS_NAME)
_T = TypeVar("_T")


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
        tolerances: turn and scale that the encoder bears; also in params.yaml, for the nodes.
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
        ModelError: the folder or a file is missing, altered, of an unknown version, or not a model of ours.
    """
    directory = Path(model_dir)
    path = directory / CARD_NAME
    if not path.is_file():
        raise ModelError(
            f"{directory} is not a model directory: it has no {CARD_NAME}; name a folder such as "
            "models/geoloc-small-2, or make one with `geoloc-train export`."
        )
    tree = _read_yaml(path)
    version = tree.get("format")
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path} has format {version!r}, this geoloc reads format {FORMAT_VERSION}; "
            "export the model again or update geoloc."
        )
    sums = _verify_files(directory, _get(tree, "files", dict, path))
    return ModelCard(
        directory=directory,
        id=_get(tree, "id", str, path),
        sha256=sums[WEIGHTS_NAME],
        architecture=_record(Architecture, tree, "architecture", path),
        gsd_range_m=_pair(tree, "gsd_range_m", path),
        method=_get(tree, "method", str, path),
        seed=_get(tree, "seed", int, path),
        licence=_get(tree, "licence", str, path),
        metrics=tuple(_build(Metric, item, "metrics", path) for item in _get(tree, "metrics", list, path)),
        calibration=_record(Calibration, tree, "calibration", path),
        tolerances=_build(Tolerances, tree.get("tolerances", {}), "tolerances", path),
    )


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{path} is not valid YAML ({error}); restore the file or export the model again."
        ) from error
    if not isinstance(tree, dict):
        raise ModelError(
            f"{path} is not a model card: it holds no mapping; name the folder of a geoloc model."
        )
    return tree


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


def _record(kind: Callable[..., _T], tree: Mapping[str, Any], key: str, path: Path) -> _T:
    return _build(kind, _get(tree, key, dict, path), key, path)


def _build(kind: Callable[..., _T], item: Any, key: str, path: Path) -> _T:  # noqa: ANN401 - from YAML
    """A frozen record from a mapping with exactly its fields, each of the field's type."""
    hints = {f.name: f.type for f in fields(kind)}  # type: ignore[arg-type]
    if not isinstance(item, dict) or set(item) - set(hints):
        raise ModelError(f"'{key}' in {path} is malformed; expected the fields {', '.join(hints)}.")
    values = {name: _typed(value, hints[name], f"{key}.{name}", path) for name, value in item.items()}
    try:
        return kind(**values)
    except ParameterError as error:
        raise ModelError(f"'{key}' in {path}: {error}; export the model again.") from error
    except TypeError as error:
        raise ModelError(f"'{key}' in {path} is incomplete ({error}); export the model again.") from error


def _typed(value: Any, hint: Any, where: str, path: Path) -> Any:  # noqa: ANN401 - straight from YAML
    if hint in (int, str, bool):
        valid, result = type(value) is hint, value
    elif hint is float:
        valid, result = _is_number(value), value
    elif hint == dict[str, Any]:
        valid, result = isinstance(value, dict), value
    else:
        valid = isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
        result = tuple(map(float, value)) if valid else value
    if not valid:
        raise ModelError(
            f"'{where}' in {path} is {value!r}, which has the wrong type; export the model again."
        )
    return float(result) if hint is float else result


def _get(tree: Mapping[str, Any], key: str, kind: type[_T], path: Path) -> _T:
    value = tree.get(key)
    if type(value) is not kind:
        found = "missing" if value is None else f"a {type(value).__name__}"
        raise ModelError(
            f"'{key}' in {path} is {found}, expected {kind.__name__}; is this a geoloc model card?"
        )
    return value


def _pair(tree: Mapping[str, Any], key: str, path: Path) -> tuple[float, float]:
    value = _get(tree, key, list, path)
    if len(value) != 2 or not all(map(_is_number, value)):
        raise ModelError(f"'{key}' in {path} must hold two numbers, found {value!r}.")
    return float(value[0]), float(value[1])


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
