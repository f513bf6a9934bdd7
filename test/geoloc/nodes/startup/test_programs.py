# SPDX-License-Identifier: Apache-2.0
"""The table of nodes, and the parameters that each one is started with."""

from pathlib import Path

import pytest
import yaml

from geoloc import installed
from geoloc.errors import ModelError, ParameterError
from geoloc.nodes.settings import LAB_PARAMETERS
from geoloc.nodes.settings import NODES as FLYING
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.nodes.startup.programs import (
    CAMERA_NODE,
    NODES,
    RETRIEVAL_NODE,
    BringUp,
    NodeStart,
    bring_up,
    start,
)
from geoloc.settings import settings_of
from geoloc_lab.nodes.programs import NODES as LAB_NODES
from geoloc_lab.nodes.programs import REPLAY_NODE
from geoloc_lab.nodes.settings import NODES as LABS

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.yaml").touch()
    (folder / "params.yaml").write_text("/**:\n  ros__parameters: {encoder_px: 128}\n")
    return folder


@pytest.fixture
def map_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "map"
    folder.mkdir()
    (folder / "map.yaml").touch()
    (folder / "params.yaml").write_text("/**:\n  ros__parameters: {view_size_m: 100.0}\n")
    return folder


def by_name(starts: list[NodeStart]) -> dict[str, NodeStart]:
    return {each.entry.name: each for each in starts}


def test_bringup_starts_the_three_nodes_that_fly(model: Path, map_folder: Path) -> None:
    starts = by_name(bring_up(BringUp(model=str(model), map=str(map_folder))))
    assert list(starts) == ["camera_node", "inference_node", "retrieval_node"]
    assert [each.full_name for each in starts.values()] == [f"/geoloc/{name}" for name in starts]


def test_each_node_gets_the_parameters_it_has(model: Path, map_folder: Path) -> None:
    starts = by_name(bring_up(BringUp(model=str(model), map=str(map_folder), use_sim_time=True)))
    assert starts["camera_node"].parameters == {"use_sim_time": True}
    assert starts["inference_node"].parameters == {"use_sim_time": True, "model": str(model)}
    assert starts["retrieval_node"].parameters["map"] == str(map_folder)


def test_the_pilots_file_comes_last_and_wins(model: Path, map_folder: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("/**: {ros__parameters: {}}\n")
    files = bring_up(BringUp(model=str(model), map=str(map_folder), params_file=(mine,)))[0].parameter_files
    assert files == (
        ROOT / "config" / "bringup.yaml",
        model / "params.yaml",
        map_folder / "params.yaml",
        mine,
    )


def test_extra_parameters_win_over_the_choices() -> None:
    choices = BringUp(use_sim_time=True)
    assert start(REPLAY_NODE, choices, {"use_sim_time": False}).parameters == {"use_sim_time": False}


def test_every_node_gets_the_names_of_the_topics(model: Path, map_folder: Path) -> None:
    topics = InputTopics(imu_topic="/mavros/imu/data")
    starts = bring_up(BringUp(model=str(model), map=str(map_folder), topics=topics))
    assert [each.remappings for each in starts] == [(("imu", "/mavros/imu/data"),)] * 3


@pytest.mark.parametrize("namespace", ["", "/", "drone", "/drone/", "a/b"])
def test_a_namespace_may_be_written_in_any_way(namespace: str) -> None:
    inner = namespace.strip("/")
    expected = f"/{inner}/camera_node" if inner else "/camera_node"
    assert start(CAMERA_NODE, BringUp(namespace=namespace)).full_name == expected


def test_no_map_is_said_before_anything_starts(model: Path) -> None:
    with pytest.raises(ParameterError, match="no map is given"):
        bring_up(BringUp(model=str(model)))


def test_no_model_is_said_before_anything_starts(map_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geoloc.nodes.startup.programs.shipped_models", dict)
    with pytest.raises(ParameterError, match="no model is given"):
        bring_up(BringUp(map=str(map_folder)))


def test_the_one_shipped_model_is_the_default(
    model: Path, map_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geoloc.nodes.startup.programs.shipped_models", lambda: {"only": model})
    starts = by_name(bring_up(BringUp(map=str(map_folder))))
    assert starts["inference_node"].parameters["model"] == str(model)


@pytest.mark.parametrize(
    ("choices", "error", "sentence"),
    [
        ({"map": "/nowhere"}, ParameterError, "/nowhere is not a map directory"),
        ({"map": "/tmp"}, ParameterError, "/tmp is not a map directory, because it has no map.yaml"),
        ({"model": "/tmp"}, ModelError, "/tmp is neither a model directory nor a shipped model"),
        ({"model": "/nowhere"}, ModelError, "/nowhere is neither a model directory nor a shipped model"),
        ({"params_file": (Path("/nowhere.yaml"),)}, ParameterError, "/nowhere.yaml is not a parameter file"),
    ],
)
def test_what_is_missing_is_named(choices: dict, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        start(RETRIEVAL_NODE, BringUp(**choices))


@pytest.mark.parametrize(
    ("namespace", "pushed", "logger"),
    [
        ("geoloc", "", "geoloc.camera_node"),
        ("/uav1/geoloc", "", "uav1.geoloc.camera_node"),
        ("/", "", "camera_node"),
        ("geoloc", "/uav1", "uav1.geoloc.camera_node"),
    ],
)
def test_debug_is_for_the_nodes_own_logger(namespace: str, pushed: str, logger: str) -> None:
    chosen = start(CAMERA_NODE, BringUp(namespace=namespace, pushed_namespace=pushed, log_level="debug"))
    assert chosen.log_option == f"{logger}:=debug"


@pytest.mark.parametrize("level", ["info", "warn", "error", "fatal"])
def test_every_other_level_is_for_ros_as_well(level: str) -> None:
    assert start(CAMERA_NODE, BringUp(log_level=level)).log_option == level


def test_an_unknown_log_level_is_refused() -> None:
    with pytest.raises(ParameterError, match="'loud' is unknown"):
        BringUp(log_level="loud")


def test_bringup_yaml_holds_only_what_differs_from_a_default() -> None:
    content = yaml.safe_load((ROOT / "config" / "bringup.yaml").read_text(encoding="utf-8"))
    for section, values in content.items():
        node = section.rpartition("/")[2]
        kinds = [kind for name, kind in FLYING.items() if node in ("**", name)]
        assert kinds, section
        for name, value in values["ros__parameters"].items():
            declared = [settings_of(kind)[name] for kind in kinds if name in settings_of(kind)]
            assert declared, f"no node has {name}"
            assert all(each.read(name, value) != each.default for each in declared), name


def test_what_a_node_is_started_with_is_a_parameter_that_it_has() -> None:
    settings = FLYING | LABS
    for entry in (*NODES, *LAB_NODES):
        names = settings_of(settings[entry.name])
        assert (entry.takes_model, entry.takes_map) == ("model" in names, "map" in names), entry.name


def test_every_node_has_a_name_of_its_own() -> None:
    entries = [*NODES, *LAB_NODES]
    assert len({entry.name for entry in entries}) == len(entries)


def test_models_are_found_by_id_in_every_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = tmp_path / "share" / "geoloc" / "models" / "some-id" / "model.yaml"
    card.parent.mkdir(parents=True)
    card.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    assert installed.find_model("some-id") == card.parent
    assert installed.find_model(str(card.parent)) == card.parent
    with pytest.raises(ModelError, match="some-id"):
        installed.find_model("other-id")


@pytest.mark.parametrize(
    ("section", "choices", "accepted"),
    [
        ("/camera_node", {}, False),
        ("/camera_node", {"namespace": "/"}, True),
        ("/geoloc/camera_node", {}, True),
        ("/geoloc/camera_node", {"namespace": "uav1"}, False),
        ("/uav1/geoloc/camera_node", {"pushed_namespace": "/uav1"}, True),
        ("/geoloc/camera_node", {"pushed_namespace": "/uav1"}, False),
        ("camera_node", {"namespace": "a/b"}, True),
        ("evaluation_node", {}, True),
        ("/somewhere/replay_node", {}, True),  # another program's, as long as no replay starts
    ],
)
def test_a_section_that_reaches_no_node_is_refused_before_anything_starts(
    section: str, choices: dict, accepted: bool, model: Path, map_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "plain.yaml"
    file.write_text(f"{section}: {{ros__parameters: {{max_tilt_deg: 33.0}}}}\n", encoding="utf-8")
    chosen = BringUp(model=str(model), map=str(map_folder), params_file=(file,), **choices)
    if accepted:
        assert len(bring_up(chosen)) == 3
        return
    with pytest.raises(ParameterError, match=f"`{section}` in .* reaches no node"):
        bring_up(chosen)


def test_a_replays_own_sections_are_checked_where_it_starts(tmp_path: Path) -> None:
    file = tmp_path / "replay.yaml"
    file.write_text("/replay_node: {ros__parameters: {rate: 2.0}}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="replay_node runs as /geoloc/replay_node"):
        start(REPLAY_NODE, BringUp(params_file=(file,)))


def test_no_parameter_of_the_lab_is_a_typo_for_a_flight_node() -> None:
    assert {name for kind in LABS.values() for name in settings_of(kind)} == LAB_PARAMETERS


def test_a_file_of_the_pilots_leaves_the_shipped_model_unless_it_names_one(tmp_path):
    (tmp_path / "map.yaml").touch()
    tilt, model = tmp_path / "tilt.yaml", tmp_path / "named.yaml"
    tilt.write_text("/**:\n  ros__parameters: {max_tilt_deg: 30.0}\n", encoding="utf-8")
    shipped = bring_up(BringUp(map=str(tmp_path), params_file=(tilt,)))
    assert all("model" in node.parameters for node in shipped if node.entry.takes_model)
    for text in ("    model: mine\n", "    {k: 3, model: mine}\n"):
        model.write_text("/**:\n  ros__parameters:\n" + text, encoding="utf-8")
        chosen = bring_up(BringUp(map=str(tmp_path), params_file=(tilt, model)))
        assert not any("model" in node.parameters for node in chosen)
