# SPDX-License-Identifier: Apache-2.0
"""Flight nodes, as `ros2 launch geoloc bringup.launch.py` and `geoloc up` start them.

This module does not import ROS, so both launch files and plain Python programs can use it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from geoloc.errors import ParameterError
from geoloc.installed import default_parameters, find_model, shipped_models
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.parameter_files import check_sections, full_name

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
RESPAWN_DELAY_S = 2.0
_NAMES_MODEL = re.compile(r"(^|[{,])\s*model\s*:", re.MULTILINE)
USER_MISTAKE = 2
"""Exit code of a node that a user's mistake stopped; a restart would not help."""


@dataclass(frozen=True)
class NodeEntry:
    """One node of the suite.

    Attributes:
        name: name of the node and of its program.
        takes_model: whether the node has the parameter `model`.
        takes_map: whether the node has the parameter `map`.
        patience_s: time to close, in seconds, before the node is killed.
        entry: module with the function that runs the node.
    """

    name: str
    takes_model: bool = False
    takes_map: bool = False
    patience_s: float = 10.0
    entry: str = "geoloc.nodes.startup.entry"

    @property
    def program(self) -> str:
        """Function that runs the node, in the form of an entry point: `module:function`."""
        return f"{self.entry}:{self.name}"


CAMERA_NODE = NodeEntry("camera_node")
INFERENCE_NODE = NodeEntry("inference_node", takes_model=True)
RETRIEVAL_NODE = NodeEntry("retrieval_node", takes_model=True, takes_map=True)
NODES = (CAMERA_NODE, INFERENCE_NODE, RETRIEVAL_NODE)


@dataclass(frozen=True)
class BringUp:
    """The pilot's choices at start-up; the defaults suit a drone whose topics have geoloc's names.

    Attributes:
        namespace: prefix of every node and relative topic.
        pushed_namespace: what an enclosing launch file puts before `namespace` by PushRosNamespace.
        params_file: ROS parameter files; later ones override earlier ones, the model's and the map's.
        model: model directory, or id of a shipped model; empty for the model that `params_file` names, or
            else the shipped model.
        map: map directory; empty for the map that the parameter files name.
        topics: the drone's names of the topics that the nodes read.
        use_sim_time: whether to take time from /clock.
        log_level: log level, one of `LOG_LEVELS`; debug is for the nodes alone, others for ROS as well.

    Raises:
        ParameterError: if the log level does not exist in ROS.
    """

    namespace: str = "geoloc"
    pushed_namespace: str = ""
    params_file: tuple[Path, ...] = ()
    model: str = ""
    map: str = ""
    topics: InputTopics = field(default_factory=InputTopics)
    use_sim_time: bool = False
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.log_level not in LOG_LEVELS:
            raise ParameterError(
                f"log level '{self.log_level}' is unknown; use one of {', '.join(LOG_LEVELS)}."
            )


@dataclass(frozen=True)
class NodeStart:
    """Everything needed to start one node, as a process or as a launch action.

    Attributes:
        full_name: name of the node with its namespaces, such as `/geoloc/camera_node`.
    """

    entry: NodeEntry
    namespace: str
    full_name: str
    parameter_files: tuple[Path, ...]
    parameters: dict[str, str | bool | float]
    remappings: tuple[tuple[str, str], ...]
    log_level: str

    @property
    def log_option(self) -> str:
        """Value of `--log-level`.

        Debug is for the node's own logger, because the debug messages of rcl and rmw would bury the node's.
        """
        if self.log_level != "debug":
            return self.log_level
        logger = self.full_name.strip("/").replace("/", ".")
        return f"{logger}:=debug"


def bring_up(choices: BringUp) -> list[NodeStart]:
    """Return the start of each flight node.

    Raises:
        ParameterError: if no map or no model is given, or a file is missing.
        ModelError: if the model is neither a directory nor shipped.
    """
    if not choices.params_file:
        _require("map", choices.map, "build one with `geoloc map build`")
        _require("model", _model(choices), "export one with `geoloc-train export`")
    return [start(entry, choices) for entry in NODES]


def start(
    entry: NodeEntry, choices: BringUp, extra: dict[str, str | bool | float] | None = None
) -> NodeStart:
    """Return the start of one node.

    Args:
        entry: node to start, such as `CAMERA_NODE`.
        choices: the pilot's choices.
        extra: parameters for this node alone, which override all others.

    Raises:
        ParameterError: if the map directory or a parameter file is missing or damaged, or a section of a file
            is meant for the node and does not reach it.
        ModelError: if the model is neither a directory nor shipped.
    """
    model = _model(choices)
    map_folder = _map(choices.map) if choices.map else None
    files = _parameter_files(choices.params_file, model, map_folder)
    name = full_name(f"{choices.pushed_namespace}/{choices.namespace}", entry.name)
    for file in files:
        check_sections(file, name)
    parameters: dict[str, str | bool | float] = {"use_sim_time": choices.use_sim_time}
    if entry.takes_model and model:
        parameters["model"] = str(model)
    if entry.takes_map and map_folder:
        parameters["map"] = str(map_folder)
    return NodeStart(
        entry=entry,
        namespace=choices.namespace.strip("/"),
        full_name=name,
        parameter_files=files,
        parameters={**parameters, **(extra or {})},
        remappings=choices.topics.remappings(),
        log_level=choices.log_level,
    )


def _require(what: str, value: str | Path | None, remedy: str) -> None:
    if not value:
        raise ParameterError(
            f"no {what} is given; name one with `{what}:=…` in a launch or `--{what} …` on the command line, "
            f"or {remedy}."
        )


def _model(choices: BringUp) -> Path | None:
    if choices.model:
        return find_model(choices.model)
    shipped = list(shipped_models().values())
    texts = (file.read_text(errors="replace") for file in choices.params_file if file.is_file())
    chosen = any(_NAMES_MODEL.search(text) for text in texts)
    return shipped[0] if len(shipped) == 1 and not chosen else None


def _map(text: str) -> Path:
    folder = Path(text).expanduser().absolute()
    if not (folder / "map.yaml").is_file():
        raise ParameterError(
            f"{text} is not a map directory, because it has no map.yaml; build one with `geoloc map build`."
        )
    return folder


def _parameter_files(chosen: Sequence[Path], model: Path | None, map_folder: Path | None) -> tuple[Path, ...]:
    """Order the files from general to specific, because the last one wins."""
    own = [folder / "params.yaml" for folder in (model, map_folder) if folder]
    for file in chosen:
        if not file.is_file():
            raise ParameterError(f"{file} is not a parameter file; give the path of an existing YAML file.")
    files = [default_parameters(), *(file for file in own if file.is_file()), *chosen]
    return tuple(dict.fromkeys(file.absolute() for file in files))
