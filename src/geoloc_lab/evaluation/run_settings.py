# SPDX-License-Identifier: Apache-2.0
"""Reads the settings of a run without ROS from the parameter files of the nodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geoloc.camera.rig import RigSettings
from geoloc.encoder.card import PARAMETERS_NAME
from geoloc.errors import ParameterError
from geoloc.localizer import LocalizerSettings
from geoloc.nodes import settings as flying_nodes
from geoloc.nodes.settings import CameraNodeSettings
from geoloc.nodes.startup.programs import CAMERA_NODE, RETRIEVAL_NODE, BringUp
from geoloc.parameter_files import (
    check_sections,
    full_name,
    merge_sections,
    node_of,
    read_sections,
    resembling,
    values_for,
)
from geoloc.settings import fill, group, settings_of
from geoloc_lab.nodes import settings as lab_nodes
from geoloc_lab.nodes.programs import EVALUATION_NODE
from geoloc_lab.nodes.settings import EvaluationNodeSettings

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc.mapping.directory import MapDirectory


@dataclass(frozen=True)
class RunSettings:
    """How frames become views, and views answers: what `geoloc evaluate` takes from parameter files.

    Attributes:
        camera: parameters of camera_node.
        localizer: the localizer's parameters.
        max_truth_gap_s: longest gap between truth samples to interpolate across.
    """

    camera: CameraNodeSettings = group(CameraNodeSettings)
    localizer: LocalizerSettings = group(LocalizerSettings)
    max_truth_gap_s: float = EvaluationNodeSettings.max_truth_gap_s

    @property
    def rig(self) -> RigSettings:
        """Mount and limits of the camera."""
        return self.camera.rig


WITHOUT_EFFECT: Mapping[str, str] = {
    "image_transport": "the bag, or --topic, decides on the images",
    "base_frame": "only use_tf needs it",
    "attitude_wait_s": "a bag holds what a frame would wait for",
    "offset_wait_s": "views are not sent",
    "silence_s": "a bag is never silent",
    "map_frame": "a name",
    "fix_altitude": "errors are horizontal",
    "ground_altitude_m": "errors are horizontal",
    "ground_altitude_error_m": "errors are horizontal",
    "map": "--map names it",
    "model": "--model names it",
    "backend": "--backend names it",
    "threads": "it changes only the time",
}
"""Parameters of the flight nodes that change no answer of `geoloc evaluate`, and why."""

_GAP = "max_truth_gap_s"
_HONOURED = settings_of(RunSettings)
_NODES = {**flying_nodes.NODES, **lab_nodes.NODES}
_OF_NODES = frozenset(name for kind in _NODES.values() for name in settings_of(kind))


def read_settings(
    encoder: "Encoder",
    map_directory: "MapDirectory",
    params_files: Sequence[Path] = (),
    namespace: str = BringUp.namespace,
) -> RunSettings:
    """Read the settings from the model's params.yaml, then from each of `params_files`; later files win.

    The camera gets what ROS would give to camera_node in this namespace, the localizer what ROS would give to
    retrieval_node; see `geoloc.parameter_files`. The size of a view always comes from the map and the
    encoder. Parameters that change no answer (`WITHOUT_EFFECT`), and nodes of other programs, are ignored.

    Raises:
        ParameterError: if use_tf is true, which only the nodes can follow, if a file is missing or is not a
            ROS parameter file, if a value is of another type or outside its range, if a section is meant for
            one of our nodes and does not reach it, if an unknown parameter resembles one of ours, if a
            parameter is under a node that does not have it, or if the hypotheses of rig and localizer differ.
    """
    model_file = encoder.card.directory / PARAMETERS_NAME
    files = [model_file] * model_file.is_file() + list(params_files)
    _check_names(files, namespace)
    camera = _camera(map_directory.view_size_m, encoder.card.input_px, files, namespace)
    localizer = fill(LocalizerSettings, _values(RETRIEVAL_NODE.name, files, namespace))
    if camera.rig.hypotheses != localizer.hypotheses:
        raise ParameterError(
            "heading_error_deg, height_error and their tolerances differ between camera_node and "
            "retrieval_node; give them once, under `/**`."
        )
    gap_s = _values(EVALUATION_NODE.name, files, namespace).get(_GAP, EvaluationNodeSettings.max_truth_gap_s)
    return RunSettings(camera, replace(localizer, calibration=encoder.card.calibration), float(gap_s))


def read_camera_settings(
    view_size_m: float, encoder_px: int, params_files: Sequence[Path] = ()
) -> CameraNodeSettings:
    """Read only the camera's settings, for views that are not localized; raise as `read_settings`."""
    _check_names(params_files, BringUp.namespace)
    return _camera(view_size_m, encoder_px, params_files, BringUp.namespace)


def _camera(view_size_m: float, encoder_px: int, files: Sequence[Path], namespace: str) -> CameraNodeSettings:
    values = _values(CAMERA_NODE.name, files, namespace)
    camera = fill(CameraNodeSettings, values | {"view_size_m": view_size_m, "encoder_px": encoder_px})
    if camera.use_tf:
        file = _file_that_sets("use_tf", full_name(namespace, CAMERA_NODE.name), files)
        raise ParameterError(
            f"{file}: use_tf is true, but TF is followed only by the nodes; run them with `geoloc up "
            "--use-sim-time` and `geoloc replay`, or set use_tf to false and give mount_rpy_deg."
        )
    return camera


def _values(node: str, files: Sequence[Path], namespace: str) -> dict[str, Any]:
    """Return the parameters that a node gets from the files, by name; check those that this run uses."""
    full = full_name(namespace, node)
    values = values_for(full, merge_sections(files))
    honoured = settings_of(_NODES[node])
    for name in values.keys() & honoured.keys() & {*_HONOURED, _GAP}:
        try:
            honoured[name].read(name, values[name])
        except ParameterError as error:
            raise ParameterError(f"{_file_that_sets(name, full, files)}: {error}") from error
    return values


def _check_names(files: Sequence[Path], namespace: str) -> None:
    """Refuse sections that miss their node, misspelt parameters, and those under a node that lacks them."""
    for path in files:
        for node in _NODES:
            check_sections(path, full_name(namespace, node))
        for section, values in read_sections(path).items():
            node = node_of(section)
            if node not in (*_NODES, "*", "**"):
                continue
            for name in values:
                if name not in _OF_NODES and (like := resembling(name, _HONOURED)):
                    raise ParameterError(f"{name} in {path} is unknown; remove it or rename it to {like}.")
                if name in _OF_NODES and node in _NODES and name not in settings_of(_NODES[node]):
                    owner = next(other for other, kind in _NODES.items() if name in settings_of(kind))
                    raise ParameterError(
                        f"{name} in {path} is under `{section}`, but {node} has no such parameter; "
                        f"move it to `/**/{owner}`."
                    )


def _file_that_sets(name: str, node: str, files: Sequence[Path]) -> str:
    return next(str(path) for path in reversed(files) if name in values_for(node, read_sections(path)))
