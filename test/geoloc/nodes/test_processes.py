# SPDX-License-Identifier: Apache-2.0
"""Programs started by a launcher: a mistake gives one sentence and exit code 2, a signal a clean end."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import rclpy
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile

from flying import wait_for
from geoloc.errors import GeolocError
from geoloc_lab.cli import replay

MISTAKES = {
    "out of range": (
        "camera_node",
        {"view_size_m": -5.0, "encoder_px": 64},
        ["parameter view_size_m is -5.0"],
    ),
    "two that contradict": (
        "camera_node",
        {"view_size_m": 60.0, "encoder_px": 64, "min_height_m": 500.0, "max_height_m": 100.0},
        ["min_height_m 500 is not below max_height_m 100"],
    ),
    "not given": ("retrieval_node", {"model": "m"}, ["parameter map is ''", "not empty"]),
    "no such model": ("inference_node", {"model": "/nowhere"}, ["/nowhere is neither a model directory"]),
    "no such bag": ("replay_node", {"bag": "/nowhere.mcap"}, ["there is no bag at /nowhere.mcap"]),
    "no ROS file": ("camera_node", "a: [b\n", ["is not YAML"]),
}


def start(node, params_file, *more):
    words = [
        sys.executable,
        "-m",
        f"{'geoloc_lab' if node == 'replay_node' else 'geoloc'}.nodes.{node}",
        "--ros-args",
        "--params-file",
        str(params_file),
        *more,
    ]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def write(path, content):
    lines = content if isinstance(content, str) else "/**:\n  ros__parameters:\n"
    if not isinstance(content, str):
        lines += "".join(f"    {name}: {value}\n" for name, value in content.items())
    path.write_text(lines)
    return path


@pytest.fixture(scope="module")
def rosout(spinner):
    """Return the texts of level FATAL on /rosout."""
    node, fatal = spinner.add(rclpy.create_node("bag")), []
    latched = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    node.create_subscription(
        Log, "/rosout", lambda m: fatal.append(m.msg) if m.level == Log.FATAL else None, latched
    )
    return fatal


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory, rosout):
    """Start a process for every mistake in parallel, because starting Python is slow."""
    folder = tmp_path_factory.mktemp("mistakes")
    return {
        name: start(node, write(folder / f"{i}.yaml", content))
        for i, (name, (node, content, _)) in enumerate(MISTAKES.items())
    }


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence_on_the_console_and_on_rosout_and_code_2(mistaken, rosout, name):
    out, err = mistaken[name].communicate(timeout=60)
    node, _, parts = MISTAKES[name]
    assert mistaken[name].returncode == 2, err
    assert "Traceback" not in out + err
    if name == "no ROS file":  # there is no node, so there is no logger
        said = [line for line in err.splitlines() if line.startswith("geoloc: ")]
    else:
        said = [line for line in err.splitlines() if line.startswith("[FATAL]")]
        assert "geoloc: " not in err
    assert len(said) == 1, err
    for part in parts:
        assert part in said[0]
    if name == "out of range":
        assert said[0].endswith(f"edit view_size_m in {mistaken[name].args[5]}.")
        assert node in said[0]
    if name != "no ROS file":
        assert wait_for(lambda: [text for text in rosout if parts[0] in text])


def test_geoloc_replay_without_a_bag_is_one_sentence_and_code_2(tmp_path):
    code = "from geoloc.cli import main; main()"
    words = [sys.executable, "-c", code, "replay", str(tmp_path / "nowhere"), "/cam:=image", "--rate", "2"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.strip().startswith(f"geoloc: there is no bag at {tmp_path / 'nowhere'}")


def test_geoloc_replay_without_ros_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(GeolocError, match="rclpy is not installed"):
        replay.replay(tmp_path)


@pytest.fixture(scope="module")
def flying_cameras(tmp_path_factory):
    file = write(tmp_path_factory.mktemp("ends") / "p.yaml", {"view_size_m": 60.0, "encoder_px": 64})
    nodes = {
        number: start("camera_node", file, "--remap", f"__ns:=/ends_{number.name.lower()}")
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield nodes
    for node in nodes.values():
        node.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_cleanly(ros, flying_cameras, number):
    node = rclpy.create_node("watcher")
    deadline = time.monotonic() + 30
    while (
        not node.count_publishers(f"/ends_{number.name.lower()}/view/image") and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    node.destroy_node()
    time.sleep(0.3)
    flying_cameras[number].send_signal(number)
    out, err = flying_cameras[number].communicate(timeout=20)
    assert flying_cameras[number].returncode == 0, err
    assert "Traceback" not in out + err
