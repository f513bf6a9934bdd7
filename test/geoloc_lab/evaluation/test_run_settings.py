# SPDX-License-Identifier: Apache-2.0
"""The settings that `geoloc evaluate` reads from parameter files: exactly those that the core declares."""

import dataclasses
import json
from pathlib import Path

import pytest

import toy_flight
import toy_map
from geoloc.camera.rig import RigSettings
from geoloc.encoder.card import load_card
from geoloc.errors import ParameterError
from geoloc.installed import config_file
from geoloc.localizer import LocalizerSettings
from geoloc.nodes.settings import NODES as FLYING
from geoloc.nodes.settings import CameraNodeSettings
from geoloc.parameter_files import read_sections
from geoloc.settings import settings_of
from geoloc_lab.evaluation.run_settings import (
    WITHOUT_EFFECT,
    RunSettings,
    read_camera_settings,
    read_settings,
)
from geoloc_lab.nodes.settings import NODES as LABS

ENCODER = toy_flight.PixelEncoder()
MAP = toy_flight.pixel_map(ENCODER)
SHIPPED = Path(__file__).parents[3] / "models" / "geoloc-small-2"


def params(path, **values):
    path.write_text(f"/**: {{ros__parameters: {json.dumps(values)}}}")
    return path


def test_settings_come_from_ros_parameter_files_the_last_one_wins(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(
        "/**:\n  ros__parameters: {min_score: 0.2, k: 3, max_tilt_deg: 20.0}\n", encoding="utf-8"
    )
    second.write_text("/geoloc/retrieval_node:\n  ros__parameters: {min_score: 0.4}\n", encoding="utf-8")
    settings = read_settings(ENCODER, MAP, [first, second])
    assert (settings.localizer.min_score, settings.localizer.k) == (0.4, 3)
    assert settings.rig.max_tilt_deg == 20.0
    assert (settings.rig.view_size_m, settings.rig.encoder_px) == (toy_map.SIZE_M, 32)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[1, 2", "is not YAML"),
        ("- a\n", "not a ROS parameter file"),
        ("/**: {min_score: 1}\n", "has no `ros__parameters`"),
        ("", "not a ROS parameter file"),
    ],
)
def test_bad_parameter_files_are_refused(tmp_path, content, sentence):
    (tmp_path / "bad.yaml").write_text(content, encoding="utf-8")
    with pytest.raises(ParameterError, match=sentence):
        read_sections(tmp_path / "bad.yaml")


def test_a_missing_parameter_file_and_a_value_out_of_range_are_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yaml does not exist; give the path"):
        read_sections(tmp_path / "gone.yaml")
    file = tmp_path / "bad.yaml"
    file.write_text("/**:\n  ros__parameters: {min_score: 7.0}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match="min_score is 7"):
        read_settings(ENCODER, MAP, [file])
    file.write_text("/**:\n  ros__parameters: {min_score: high}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"bad.yaml: min_score is 'high'; it must be a number"):
        read_settings(ENCODER, MAP, [file])
    file.write_text("/**:\n  ros__parameters: {heading_err: 180}\n", encoding="utf-8")
    with pytest.raises(ParameterError, match=r"heading_err in .*bad.yaml is unknown.* to heading_error_deg"):
        read_settings(ENCODER, MAP, [file])


def yaml_file(path, *sections):
    path.write_text("\n".join(f"{name}: {{ros__parameters: {json.dumps(own)}}}" for name, own in sections))
    return path


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (
            [("/**/retreival_node", {})],
            r"retreival_node in .*a\.yaml is not a node.*to retrieval_node\.",
        ),
        (
            [("camera_nod", {"max_tilt_deg": 20.0})],
            r"camera_nod in .* is not a node.*to camera_node\.",
        ),
        (
            [("/camera_node", {"max_tilt_deg": 20.0})],
            r"reaches no node, because camera_node runs as /geoloc/camera_node",
        ),
        (
            [("/**/camera_node", {"min_score": 0.1})],
            r"camera_node has no such.*move it to `/\*\*/retrieval_node`",
        ),
        (
            [("/**/camera_node", {"heading_error_deg": 30.0})],
            r"differ between camera_node and.*under `/\*\*`",
        ),
    ],
)
def test_sections_that_nodes_would_ignore_are_refused(tmp_path, sections, sentence):
    with pytest.raises(ParameterError, match=sentence):
        read_settings(ENCODER, MAP, [yaml_file(tmp_path / "a.yaml", *sections)])


def test_each_part_gets_what_ros_gives_its_node(tmp_path):
    first = yaml_file(
        tmp_path / "a.yaml",
        ("/**/camera_node", {"max_tilt_deg": 20.0}),
        ("/**/lidar", {"min_height_m": 99.0}),
    )
    later = yaml_file(tmp_path / "b.yaml", ("/**", {"max_tilt_deg": 30.0, "k": 3}))
    settings = read_settings(ENCODER, MAP, [first, later])
    assert (settings.rig.max_tilt_deg, settings.localizer.k) == (20.0, 3)
    assert settings.rig.min_height_m == RigSettings.min_height_m


def test_sections_are_those_of_the_namespace(tmp_path):
    file = yaml_file(
        tmp_path / "two_drones.yaml",
        ("/uav1/camera_node", {"max_tilt_deg": 20.0}),
        ("/uav2/camera_node", {"max_tilt_deg": 30.0}),
        ("retrieval_node", {"k": 3}),
    )
    settings = read_settings(ENCODER, MAP, [file], namespace="/uav1")
    assert (settings.rig.max_tilt_deg, settings.localizer.k) == (20.0, 3)
    with pytest.raises(ParameterError, match=r"camera_node runs as /geoloc/camera_node"):
        read_settings(ENCODER, MAP, [file])


def test_rig_and_localizer_get_the_same_hypotheses(tmp_path):
    file = params(tmp_path / "drone.yaml", heading_error_deg=30.0, height_error=0.2)
    settings = read_settings(ENCODER, MAP, [file])
    assert settings.rig.hypotheses == settings.localizer.hypotheses
    assert settings.rig.hypotheses.count == 15
    assert read_settings(ENCODER, MAP).rig.hypotheses.count == 1


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("heading_error_deg", 181, "0 to 180"),
        ("height_error", 0.7, "0 to 0.6"),
        ("height_error", "a", "must be a number"),
    ],
)
def test_hypotheses_out_of_range_are_named(tmp_path, name, value, word):
    with pytest.raises(ParameterError, match=word):
        read_settings(ENCODER, MAP, [params(tmp_path / "drone.yaml", **{name: value})])


def flat(settings):
    """Return the values of all settings by name."""
    values = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if "group" in field.metadata:
            values |= flat(value)
        elif "setting" in field.metadata:
            values[field.name] = list(value) if isinstance(value, tuple) else value
    return values


def another(name, declared):
    """Return a value that the setting may have, other than its default."""
    if declared.choices:
        return declared.choices[-1]
    if isinstance(declared.default, bool):
        return not declared.default
    if isinstance(declared.default, str):
        return "another"
    if isinstance(declared.default, tuple):
        return [1.0] * len(declared.default)
    middle = (declared.low + declared.high) / 2
    return type(declared.default)({"min_height_m": 20.0, "max_height_m": 1000.0}.get(name, middle))


def test_every_setting_of_camera_and_core_is_taken_from_parameter_files(tmp_path):
    declared = settings_of(RunSettings)
    assert declared == settings_of(CameraNodeSettings) | settings_of(LocalizerSettings)
    chosen = {name: another(name, found) for name, found in declared.items()} | {"use_tf": False}
    sizes = {"view_size_m": MAP.view_size_m, "encoder_px": ENCODER.card.input_px}
    settings = read_settings(ENCODER, MAP, [params(tmp_path / "all.yaml", **chosen)])
    assert flat(settings) == chosen | sizes


def test_every_parameter_of_the_flight_nodes_is_honoured_or_changes_no_answer():
    of_nodes = {name for kind in FLYING.values() for name in settings_of(kind)}
    assert of_nodes - set(settings_of(RunSettings)) <= set(WITHOUT_EFFECT)
    assert set(WITHOUT_EFFECT) <= of_nodes


def test_the_mount_from_tf_is_refused_because_only_nodes_follow_it(tmp_path):
    file = params(tmp_path / "gimbal.yaml", use_tf=True)
    with pytest.raises(ParameterError, match=r"gimbal\.yaml: use_tf is true, .* give mount_rpy_deg"):
        read_settings(ENCODER, MAP, [file])
    with pytest.raises(ParameterError, match="use_tf is true"):
        read_camera_settings(40.0, 32, [file])


def test_the_gap_of_the_truth_is_that_of_evaluation_node(tmp_path):
    file = yaml_file(tmp_path / "a.yaml", ("/**/evaluation_node", {"max_truth_gap_s": 7}))
    assert read_settings(ENCODER, MAP, [file]).max_truth_gap_s == 7.0
    assert read_settings(ENCODER, MAP).max_truth_gap_s == 2.0
    with pytest.raises(ParameterError, match=r"max_truth_gap_s is 'far'; it must be a number"):
        read_settings(ENCODER, MAP, [params(tmp_path / "b.yaml", max_truth_gap_s="far")])


def test_parameters_that_change_no_answer_are_ignored(tmp_path):
    alone = {name for kind in LABS.values() for name in settings_of(kind)} - {"max_truth_gap_s"}
    alone |= set(WITHOUT_EFFECT) - set(settings_of(CameraNodeSettings))
    assert {"silence_s", "wait_s", "backend"} <= alone
    foreign = dict.fromkeys([*alone, "use_sim_time", "lidar_channels"], "anything")
    file = params(tmp_path / "nodes.yaml", **foreign)
    assert read_settings(ENCODER, MAP, [file]) == read_settings(ENCODER, MAP)


def test_the_shipped_parameter_files_are_read(tmp_path):
    files = [config_file("bringup.yaml"), SHIPPED / "params.yaml"]
    tolerances = read_settings(ENCODER, MAP, files).rig.hypotheses.tolerances
    assert tolerances == load_card(SHIPPED).tolerances
