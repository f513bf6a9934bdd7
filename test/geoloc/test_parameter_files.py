# SPDX-License-Identifier: Apache-2.0
"""Sections of ROS parameter files take precedence as in rcl."""

import subprocess
import sys

import pytest

from geoloc.errors import ParameterError
from geoloc.parameter_files import merge_sections, read_sections, values_for

CASES = [
    [{"/**/camera_node": 1, "/**": 2}],
    [{"/**/camera_node": 1}, {"/**": 2}],
    [{"/**": 2}, {"/geoloc/camera_node": 1}, {"/**": 3}],
    [{"/geoloc/camera_node": 1, "/**/camera_node": 2}],
    [{"/**/camera_node": 2, "/geoloc/camera_node": 1}],
    [{"/*/camera_node": 1}],
    [{"/geoloc/*": 1}, {"/**/inference_node": 5}],
]


def write(folder, files):
    paths = [folder / f"{number}.yaml" for number in range(len(files))]
    for path, sections in zip(paths, files, strict=True):
        path.write_text("".join(f"{name}: {{ros__parameters: {{x: {x}}}}}\n" for name, x in sections.items()))
    return paths


def test_sections_win_as_in_ros(tmp_path):
    pytest.importorskip("rclpy")
    first = tmp_path / "bringup.yaml"
    first.write_text("/**: {ros__parameters: {}}\n")
    cases = [
        [str(path) for path in write(folder, files)]
        for number, files in enumerate(CASES)
        if (folder := tmp_path / str(number)).mkdir() is None
    ]
    code = (
        "import rclpy\n"
        "from rclpy.node import Node\n"
        f"for files in {cases!r}:\n"
        f"    args = ['--ros-args', '--params-file', {str(first)!r}]\n"
        "    for file in files: args += ['--params-file', file]\n"
        "    rclpy.init(args=args)\n"
        "    known = {'automatically_declare_parameters_from_overrides': True}\n"
        "    node = Node('camera_node', namespace='geoloc', **known)\n"
        "    print(node.get_parameter('x').value)\n"
        "    node.destroy_node(); rclpy.shutdown()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_ros = [int(line) for line in done.stdout.split()]
    ours = [values_for("camera_node", merge_sections(write(tmp_path, files)))["x"] for files in CASES]
    assert ours == of_ros


def test_namespaces_may_be_nested(tmp_path):
    file = tmp_path / "nested.yaml"
    file.write_text("geoloc:\n  camera_node:\n    ros__parameters: {x: 1}\n")
    assert values_for("camera_node", read_sections(file)) == {"x": 1}
    assert values_for("retrieval_node", read_sections(file)) == {}


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yaml does not exist; give the path of a ROS parameter"):
        read_sections(tmp_path / "gone.yaml")
