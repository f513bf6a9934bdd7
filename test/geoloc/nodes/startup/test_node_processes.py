# SPDX-License-Identifier: Apache-2.0
"""`geoloc up` without ROS: command lines, and processes that end, crash, or do not stop."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from geoloc.cli.up import up
from geoloc.errors import ParameterError
from geoloc.nodes.startup import processes
from geoloc.nodes.startup.input_topics import InputTopics
from geoloc.nodes.startup.processes import NodeError, command, parameter_text, running
from geoloc.nodes.startup.programs import CAMERA_NODE, USER_MISTAKE, BringUp, start
from geoloc_lab.nodes.programs import REPLAY_NODE

CAMERA = start(CAMERA_NODE, BringUp(topics=InputTopics(image_topic="/cam/image"), log_level="debug"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the programs of the nodes: the list holds the Python code for each start in turn."""
    codes: list[str] = []
    monkeypatch.setattr(processes, "command", lambda *_: [sys.executable, "-S", "-c", codes.pop(0)])
    monkeypatch.setattr(processes, "RESPAWN_DELAY_S", 0.0)
    return codes


def until_it_ends(running_nodes: processes.Processes, *, respawn: bool = False) -> None:
    for _ in range(200):
        running_nodes.check(respawn=respawn)
        time.sleep(0.05)


def test_a_command_line_carries_all_that_a_launch_would(tmp_path: Path) -> None:
    words = command(CAMERA, tmp_path / "own.yaml")
    assert words[0] == sys.executable
    assert words[2] == "from geoloc.nodes.startup.entry import camera_node; camera_node()"
    text = " ".join(words)
    assert "--remap __ns:=/geoloc --remap image:=/cam/image" in text
    assert text.endswith(f"--params-file {tmp_path / 'own.yaml'} --log-level geoloc.camera_node:=debug")


def test_own_parameters_keep_their_types(tmp_path: Path) -> None:
    strange = start(REPLAY_NODE, BringUp(), {"bag": "1e3: #x", "rate": 2.0, "report": True})
    values = yaml.safe_load(parameter_text(strange))["/geoloc/replay_node"]["ros__parameters"]
    assert values == {"use_sim_time": False, "bag": "1e3: #x", "rate": 2.0, "report": True}


def test_nodes_are_stopped_whatever_happens(runs: list[str]) -> None:
    runs.append("import time; time.sleep(60)")
    seen: list[processes.Processes] = []

    def fail() -> None:
        with running([CAMERA]) as running_nodes:
            seen.append(running_nodes)
            raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        fail()
    assert seen[0]._processes[0].running.returncode == -signal.SIGTERM


def test_sigterm_stops_the_nodes(runs: list[str]) -> None:
    runs.append("import time; time.sleep(60)")
    before = signal.getsignal(signal.SIGTERM)
    seen: list[processes.Processes] = []

    def wait() -> None:
        with running([CAMERA]) as running_nodes:
            seen.append(running_nodes)
            assert signal.getsignal(signal.SIGTERM) != before
            os.kill(os.getpid(), signal.SIGTERM)
            running_nodes.wait()

    with pytest.raises(KeyboardInterrupt):
        wait()
    assert seen[0]._processes[0].running.returncode == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_node_that_does_not_go_is_killed(runs: list[str]) -> None:
    impatient = dataclasses.replace(CAMERA, entry=dataclasses.replace(CAMERA.entry, patience_s=0.2))
    runs.append("import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)")
    with running([impatient]) as running_nodes:
        process = running_nodes._processes[0].running
        time.sleep(0.5)
    assert process.returncode == -signal.SIGKILL


def test_a_node_that_ends_ends_the_suite(runs: list[str]) -> None:
    runs.append("raise SystemExit(7)")
    with pytest.raises(NodeError, match="camera_node ended with code 7"), running([CAMERA]) as running_nodes:
        until_it_ends(running_nodes)


def test_a_crashed_node_comes_back_with_respawn(
    runs: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    flag = tmp_path / "crashed"
    runs.append(
        f"import os, time\nif os.path.exists({str(flag)!r}): time.sleep(60)\n"
        f"open({str(flag)!r}, 'w').close(); raise SystemExit(7)"
    )
    with running([CAMERA]) as running_nodes:
        first = running_nodes._processes[0].running
        while running_nodes._processes[0].running is first:
            running_nodes.check(respawn=True)
            time.sleep(0.02)
        time.sleep(0.3)
        running_nodes.check(respawn=False)
    assert "camera_node ended with code 7; restarting it" in capfd.readouterr().err


def test_a_node_stopped_by_a_users_mistake_is_not_restarted(runs: list[str]) -> None:
    runs.append(f"raise SystemExit({USER_MISTAKE})")
    with pytest.raises(NodeError, match="code 2"), running([CAMERA]) as running_nodes:
        until_it_ends(running_nodes, respawn=True)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a ROS parameter file"),
        ("camera_node:\n\tros__parameters: {}\n", r"line 2 of .*drone\.yaml has a tab"),
        ("camera_node: {max_tilt_deg: 3.0}\n", "has no `ros__parameters`"),
        ("camera_node: {ros__parameters: {mount_rpy_deg: [0, 90.0, 0]}}\n", "write a list of one type"),
        ("/camera_node: {ros__parameters: {max_tilt_deg: 3.0}}\n", "camera_node runs as /geoloc/camera_node"),
        ("retreival_node: {ros__parameters: {}}\n", "retreival_node in .* rename it to retrieval_node"),
    ],
)
def test_up_refuses_a_parameter_file_before_anything_starts(
    text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geoloc.installed.require_ros", lambda: None)
    monkeypatch.setattr(processes, "running", lambda _: pytest.fail("started"))
    (tmp_path / "map.yaml").touch()
    (tmp_path / "drone.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ParameterError, match=sentence):
        up(map_folder=str(tmp_path), params_file=[tmp_path / "drone.yaml"])


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "no map is given"),
        (["--map", "/nowhere"], "/nowhere is not a map directory"),
        (["--map", "/tmp", "--log-level", "loud"], "'loud' is unknown"),
        (["--map", "/tmp", "--odom-topic", "my odom"], "odom_topic is 'my odom', which is no topic name"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    (tmp_path / "model.yaml").touch()
    code = "from geoloc.cli import main; main()"
    answer = subprocess.run(
        [sys.executable, "-c", code, "up", "--model", str(tmp_path), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 2
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
