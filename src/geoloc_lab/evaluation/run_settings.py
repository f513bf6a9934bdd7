# SPDX-License-Identifier: Apache-2.0
"""The settings of a run without ROS, from the parameter files the nodes fly with."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from geoloc.camera.rig import RigSettings
from geoloc.encoder.card import PARAMETERS_NAME
from geoloc.errors import ParameterError
from geoloc.localizer import LocalizerSettings
from geoloc.nodes import settings as flying_nodes
from geoloc.settings import fill, group, settings_of
from geoloc_lab.nodes import settings as lab_nodes

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc.mapping.directory import MapDirectory


@dataclass(frozen=True)
class RunSettings:
    """How frames become views, and views answers: what `geoloc evaluate` takes from parameter files."""

    rig: RigSettings = group(RigSettings)
    localizer: LocalizerSettings = group(LocalizerSettings)


_HONOURED = settings_of(RunSettings)
_OF_NODES = frozenset(
    name for kind in (*flying_nodes.NODES.values(), *lab_nodes.NODES.values()) for name in settings_of(kind)
)


def read_settings(
    encoder: "Encoder", map_directory: "MapDirectory", params_files: Sequence[Path] = ()
) -> RunSettings:
    """Read the settings: the model's params.yaml, then each file of `params_files`; a later one wins.

    The size of a view is the map's and the encoder's, whatever the files say. Parameters that mean nothing
    without ROS, or belong to other programs' nodes, are ignored.

    Raises:
        ParameterError: for a file that is missing or no ROS parameter file, a value of another type or
            outside its range, or an unknown name that resembles one of ours.
    """
    model_file = encoder.card.directory / PARAMETERS_NAME
    values = _values([model_file] * model_file.is_file() + list(params_files))
    sizes = {"view_size_m": map_directory.view_size_m, "encoder_px": encoder.card.input_px}
    settings = fill(RunSettings, values | sizes)
    return replace(settings, localizer=replace(settings.localizer, calibration=encoder.card.calibration))


def read_rig_settings(view_size_m: float, encoder_px: int, params_files: Sequence[Path] = ()) -> RigSettings:
    """Read the rig's settings alone, for views that are not looked up; raises as `read_settings`."""
    return fill(RigSettings, _values(params_files) | {"view_size_m": view_size_m, "encoder_px": encoder_px})


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


def _values(files: Sequence[Path]) -> dict[str, Any]:
    """Return the values of the files by name, checked; the last file wins."""
    merged: dict[str, Any] = {}
    for path in files:
        merged.update(read_ros_parameters(path))
    for name, value in merged.items():
        if name in _HONOURED:
            try:
                _HONOURED[name].read(name, value)
            except ParameterError as error:
                raise ParameterError(
                    f"{str(error).rstrip('.')}; edit {name} in {_file_that_sets(name, files)}."
                ) from error
        elif name not in _OF_NODES and (like := difflib.get_close_matches(name, _HONOURED, 1)):
            raise ParameterError(
                f"{name} in {_file_that_sets(name, files)} is unknown; did you mean {like[0]}?"
            )
    return merged


def _file_that_sets(name: str, files: Sequence[Path]) -> str:
    return next(str(path) for path in reversed(files) if name in read_ros_parameters(path))
