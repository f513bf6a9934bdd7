# SPDX-License-Identifier: Apache-2.0
"""Runs the sections of the report, one after the other."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from geoloc.doctor.dds import dds_entries
from geoloc.doctor.report import Entry, Section, section
from geoloc.doctor.ros import ros_entries
from geoloc.doctor.versions import version_entries
from geoloc.installed import find_model
from geoloc.nodes.startup.programs import BringUp


def examine(
    map_folder: Path | None = None,
    model: str = "",
    params_files: Sequence[Path] = (),
    namespace: str = BringUp.namespace,
) -> Iterator[Section]:
    """Yield the sections: versions, ROS 2, DDS, models, map, one frame, parameter files.

    Args:
        map_folder: map to verify; without one the report has no section on the map.
        model: directory or id of a model; if empty, the model of the map, or the default one.
        params_files: ROS parameter files to check.
        namespace: namespace of the nodes that the files are for.
    """

    def models() -> Iterable[Entry]:
        from geoloc.doctor.models import model_entries

        return model_entries(_model(map_folder, model))

    def whole_map() -> Iterable[Entry]:
        from geoloc.doctor.maps import map_entries

        assert map_folder is not None
        return map_entries(map_folder, find_model(model) if model else None)

    def frame() -> Iterable[Entry]:
        from geoloc.doctor.frame import frame_entries

        return frame_entries(_model(map_folder, model), map_folder)

    def parameters() -> Iterable[Entry]:
        from geoloc.doctor.parameters import parameter_entries

        return parameter_entries(params_files, namespace)

    yield section("versions", version_entries)
    yield section("ROS 2", ros_entries)
    yield section("DDS", dds_entries)
    yield section("models", models)
    if map_folder is not None:
        yield section("map", whole_map)
    yield section("one synthetic frame, without ROS", frame)
    if params_files:
        yield section("parameter files", parameters)


def _model(map_folder: Path | None, model: str) -> Path:
    """Return the directory of the named model, else of the map's model, else of the default one."""
    if model or map_folder is None:
        return find_model(model)
    from geoloc.doctor.maps import model_of
    from geoloc.errors import MapError

    try:
        return model_of(map_folder)
    except MapError:
        return find_model()
