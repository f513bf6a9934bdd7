# SPDX-License-Identifier: Apache-2.0
"""The settings of a run without ROS, from the parameter files the nodes fly with."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from geoloc.camera.rig import RigSettings
from geoloc.errors import ParameterError
from geoloc.filter import FilterSettings
from geoloc.hypotheses import Hypotheses
from geoloc.localizer import LocalizerSettings

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc.mapping.directory import MapDirectory

_KINDS = (RigSettings, LocalizerSettings, FilterSettings, Hypotheses)
OF_NODES_ALONE = frozenset(
    [
        "attitude_wait_s",
        "await_evaluation",
        "backend",
        "bag",
        "base_frame",
        "encoder_px",
        "image_transport",
        "keep_names",
        "map",
        "map_frame",
        "max_truth_gap_s",
        "model",
        "offset_wait_s",
        "out",
        "rate",
        "rectified",
        "rename",
        "report",
        "silence_s",
        "start_s",
        "threads",
        "title",
        "use_sim_time",
        "use_tf",
        "wait_s",
    ]
)
"""Parameters that mean nothing without ROS."""


@dataclass(frozen=True)
class RunSettings:
    """How frames become views, and views answers."""

    rig: RigSettings
    localizer: LocalizerSettings


def read_settings(
    encoder: "Encoder", map_directory: "MapDirectory", params_files: Sequence[Path] = ()
) -> RunSettings:
    """Gather settings: the model's params.yaml, then each file of `params_files`; a later one wins.

    Parameters that are none of ours (topics, paths) are left to the nodes.

    Raises:
        ParameterError: for a file that is missing or no ROS parameter file, or a value outside its range.
    """
    model_file = encoder.card.directory / "params.yaml"
    files = [model_file] * model_file.is_file() + list(params_files)
    merged = _merged(files)
    merged.update(view_size_m=map_directory.view_size_m, size_px=encoder.card.input_px)
    if merged.get("refine") is False:
        merged["refine"] = "off"  # which is what YAML reads as false, where it is not in quotes
    _check(merged, files)
    hypotheses = _filled(Hypotheses, merged)
    localizer = replace(
        _filled(LocalizerSettings, merged),
        hypotheses=hypotheses,
        motion=_filled(FilterSettings, merged),
        calibration=encoder.card.calibration,
    )
    return RunSettings(replace(_filled(RigSettings, merged), hypotheses=hypotheses), localizer)


def read_rig_settings(view_size_m: float, size_px: int, params_files: Sequence[Path] = ()) -> RigSettings:
    """Gather the rig's settings alone, for views that are not looked up; as `read_settings` otherwise."""
    merged = _merged(params_files) | {"view_size_m": view_size_m, "size_px": size_px}
    _check(merged, params_files)
    rig: RigSettings = _filled(RigSettings, merged)
    return rig


def read_ros_parameters(path: Path) -> dict[str, Any]:
    """Return the parameters of a ROS parameter file, of all its nodes together.

    Raises:
        ParameterError: where the file is missing, no YAML, or not `node: {ros__parameters: {...}}`.
    """
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ParameterError(f"{path} cannot be read as a ROS parameter file: {error}") from error
    if not isinstance(tree, Mapping):
        raise ParameterError(f"{path} is no ROS parameter file: it must hold `/**: ros__parameters: ...`")
    found: dict[str, Any] = {}
    for node, content in tree.items():
        if not isinstance(content, Mapping) or not isinstance(content.get("ros__parameters"), Mapping):
            raise ParameterError(f"{path}: `{node}` has no `ros__parameters`; see config/bringup.yaml")
        found.update(content["ros__parameters"])
    return found


def _merged(files: Sequence[Path]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for path in files:
        merged.update(read_ros_parameters(path))
    return merged


def _check(values: Mapping[str, Any], files: Sequence[Path]) -> None:
    """Refuse what is misspelt, and a text where a number belongs."""
    ours = {field.name: field.default for kind in _KINDS for field in fields(kind)}
    for name, value in values.items():
        like = difflib.get_close_matches(name, ours, 1)
        if name not in ours and name not in OF_NODES_ALONE and like:
            raise ParameterError(f"{name} in {_setting(name, files)} is unknown; did you mean {like[0]}?")
        default = ours.get(name)
        number = isinstance(default, int | float) and not isinstance(default, bool)
        if number and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ParameterError(f"{name} is {value!r} in {_setting(name, files)}; it must be a number")


def _setting(name: str, files: Sequence[Path]) -> str:
    """Return the last file that sets a parameter."""
    return next((str(path) for path in reversed(files) if name in read_ros_parameters(path)), "the settings")


def _filled(kind: type[Any], values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an instance of `kind`
    names = [field.name for field in fields(kind) if field.name in values]
    return kind(**{name: tuple(v) if isinstance(v := values[name], list) else v for name in names})
