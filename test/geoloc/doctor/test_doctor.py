# SPDX-License-Identifier: Apache-2.0
"""`geoloc doctor` on complete and broken installations; it prints nothing private."""

import json
import shutil
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from fakes import ground, write_bands
from geoloc.cli import app
from geoloc.doctor import dds, frame, models, ros, versions
from geoloc.doctor.report import Level
from geoloc.encoder import load_encoder
from geoloc.installed import find_model
from geoloc.mapping.builder import BuildOptions, build_map


@pytest.fixture(scope="module")
def town(tmp_path_factory):
    """A map of 120 m with the shipped model."""
    folder = tmp_path_factory.mktemp("town")
    source = write_bands(folder / "ortho.tif", ground(240, 240).transpose(2, 0, 1))
    options = BuildOptions(view_size_m=40.0, overlap=0.5)
    return build_map(source, load_encoder(find_model()), folder / "town", options).path


@pytest.fixture
def quick(monkeypatch):
    """Skip slow checks and those that other tests cover."""
    monkeypatch.setattr(dds, "_multicast_entry", lambda: dds.ok("multicast"))
    monkeypatch.setattr(models, "_SLOW", {"torch", "openvino"})
    monkeypatch.setattr(frame, "_REPEATS", 1)


def doctor(*arguments):
    words = [str(word) for word in ("doctor", *arguments)]
    return CliRunner().invoke(app, words, catch_exceptions=False)


def entries(result):
    return {one["title"]: one["entries"] for one in json.loads(result.output)["sections"]}


def test_a_whole_installation_with_a_map(town, tmp_path, quick):
    (tmp_path / "drone.yaml").write_text("/**: {ros__parameters: {attitude_error_deg: 0.3}}\n")
    result = doctor("--map", town, "--params-file", tmp_path / "drone.yaml")
    assert result.exit_code == 0, result.output
    assert "PROBLEM" not in result.output.replace("problems: 0", "")
    for word in (
        "numpy 2",
        ": all checksums match",
        "built with geoloc-small-2",
        "view size: 40 m",
        "warp",
        "m from the truth on the map's own imagery (refined)",
        "drone.yaml: sections /**",
        "retrieval_node reads attitude_error_deg",
    ):
        assert word in result.output


def test_problems_carry_a_remedy_and_an_exit_code(town, tmp_path, quick):
    broken = shutil.copytree(town, tmp_path / "broken")
    descriptors = np.load(broken / "descriptors.npy")
    np.save(broken / "descriptors.npy", descriptors[::-1])
    file = tmp_path / "drone.yaml"
    file.write_text(
        "/**: {ros__parameters: {max_tilt_deg: 99.0, min_scor: 1.0}}\n/**/camera_nod: {ros__parameters: {}}\n"
    )
    result = doctor("--map", broken, "--params-file", file, "--json")
    assert result.exit_code == 1
    found = entries(result)
    assert not json.loads(result.output)["ok"]
    assert "descriptors.npy was changed" in found["map"][-1]["text"]
    texts = {entry["text"]: entry["level"] for entry in found["parameter files"]}
    assert "camera_nod in drone.yaml is not a node of geoloc; rename it to camera_node." in texts
    assert any(text.startswith("camera_node would not start: max_tilt_deg is 99") for text in texts)
    assert any("rename it to min_score" in text and level == "PROBLEM" for text, level in texts.items())


@pytest.mark.parametrize(("namespace", "code"), [("uav1", 0), ("geoloc", 1)])
def test_sections_are_checked_for_the_namespace(namespace, code, tmp_path, quick):
    file = tmp_path / "drone.yaml"
    file.write_text("/uav1/camera_node: {ros__parameters: {max_tilt_deg: 9.0}}\n")
    result = doctor("--params-file", file, "--namespace", namespace, "--json")
    texts = [entry["text"] for entry in entries(result)["parameter files"]]
    assert ("camera_node reads max_tilt_deg" in texts) is (code == 0)
    assert any("reaches no node" in text for text in texts) is (code == 1)


def test_without_a_map_a_texture_goes_through_the_encoder(quick):
    found = entries(doctor("--json"))
    assert "encode" in found["one synthetic frame, without ROS"][0]["text"]
    assert "map" not in found


def test_nothing_private_is_printed(town, tmp_path, monkeypatch, quick):
    home = tmp_path / "home" / "janedoe"
    home.mkdir(parents=True)
    shutil.copytree(town, home / "town")
    (home / "drone.yaml").write_text("- no parameters\n")
    (home / "fast.xml").write_text("<dds/>")
    secrets = {
        "HOME": str(home),
        "USER": "janedoe",
        "LOGNAME": "janedoe",
        "AWS_SECRET_ACCESS_KEY": "AKIAhunter2",
    }
    peers = {
        "ROS_STATIC_PEERS": "10.20.30.40",
        "ROS_DOMAIN_ID": "AKIAhunter2",
        "RMW_IMPLEMENTATION": "AKIAhunter2",
    }
    files = {
        "FASTDDS_DEFAULT_PROFILES_FILE": str(home / "fast.xml"),
        "CYCLONEDDS_URI": f"file://{home}/gone.xml",
        "GITHUB_TOKEN": "AKIAhunter2",
    }
    for name, value in (secrets | peers | files).items():
        monkeypatch.setenv(name, value)
    private = ("janedoe", "AKIAhunter2", "10.20.30.40", str(tmp_path), "/home/", "GITHUB")
    for arguments in (
        ("--map", home / "town", "--params-file", home / "drone.yaml"),
        ("--map", home / "gone", "--params-file", home / "gone.yaml", "--model", home / "no_model", "--json"),
    ):
        result = doctor(*arguments)
        assert result.exit_code == 1
        assert [word for word in private if word in result.output] == []
    assert "its file fast.xml exists" in result.output
    assert "gone.xml, which does not exist" in result.output


def levels(some):
    return [entry.level for entry in some]


def test_without_ros_it_is_a_note_and_half_of_ros_a_problem(monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    assert levels(ros.ros_entries()) == [Level.NOTE]
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    (only,) = ros.ros_entries()
    assert only.level is Level.PROBLEM
    assert "ROS_DISTRO is jazzy" in only.text


def test_without_lab_torch_and_a_base_package(monkeypatch):
    for module in ("rosbags", "torch", "scipy"):
        monkeypatch.setitem(sys.modules, module, None)
    texts = {entry.text: entry.level for entry in versions.version_entries()}
    assert any(
        text.startswith("scipy is not installed; run `pip install 'scipy>=") and level is Level.PROBLEM
        for text, level in texts.items()
    )
    assert any("extra lab lacks rosbags" in text for text in texts)
    assert any("extra train lacks torch" in text for text in texts)


@pytest.mark.parametrize(
    ("name", "value", "level"),
    [
        ("ROS_DOMAIN_ID", "42", Level.OK),
        ("ROS_DOMAIN_ID", "300", Level.PROBLEM),
        ("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST", Level.OK),
        ("ROS_AUTOMATIC_DISCOVERY_RANGE", "HOUSE", Level.PROBLEM),
        ("ROS_LOCALHOST_ONLY", "1", Level.NOTE),
        ("CYCLONEDDS_URI", "<CycloneDDS/>", Level.OK),
    ],
)
def test_settings_of_dds(monkeypatch, quick, name, value, level):
    monkeypatch.setenv(name, value)
    (entry,) = (one for one in dds.dds_entries() if one.text.startswith(name))
    assert entry.level is level
