# SPDX-License-Identifier: Apache-2.0
"""Sections of ROS parameter files take precedence as in rcl."""

import subprocess
import sys
from pathlib import Path

import pytest

from geoloc.errors import ParameterError
from geoloc.nodes.startup.arguments import for_ros
from geoloc.parameter_files import check_sections, in_any_namespace, merge_sections, read_sections, values_for

NODE = "/geoloc/camera_node"
CASES = [
    [{"/**/camera_node": 1, "/**": 2}],
    [{"/**/camera_node": 1}, {"/**": 2}],
    [{"/**": 2}, {"/geoloc/camera_node": 1}, {"/**": 3}],
    [{"/geoloc/camera_node": 1, "/**/camera_node": 2}],
    [{"/**/camera_node": 2, "/geoloc/camera_node": 1}],
    [{"/*/camera_node": 1}],
    [{"/geoloc/*": 1}, {"/**/inference_node": 5}],
    [{"camera_node": 1}],
    [{"camera_node": 1}, {"/**": 2}],
    [{"camera_node": 1}, {"/**/camera_node": 2}],
    [{"/**/camera_node": 2, "camera_node": 1}],
    [{"camera_node": 1, "/**/camera_node": 2, "/geoloc/camera_node": 3}, {"camera_node": 4}],
    [{"/**/geoloc/camera_node": 1, "/camera_node": 7}],
    [{"geoloc/camera_node": 1, "/*": 7, "/other/camera_node": 8}],
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
        "from geoloc.nodes.startup.arguments import for_ros\n"
        f"for files in {cases!r}:\n"
        f"    args = ['--ros-args', '--params-file', {str(first)!r}]\n"
        "    for file in files: args += ['--params-file', file]\n"
        "    with for_ros(args) as arguments: rclpy.init(args=arguments)\n"
        "    known = {'automatically_declare_parameters_from_overrides': True}\n"
        "    node = Node('camera_node', namespace='geoloc', **known)\n"
        "    print(node.get_parameter('x').value)\n"
        "    node.destroy_node(); rclpy.shutdown()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    of_ros = [int(line) for line in done.stdout.split()]
    ours = [values_for(NODE, merge_sections(write(tmp_path, files)))["x"] for files in CASES]
    assert ours == of_ros


def test_namespaces_may_be_nested(tmp_path):
    file = tmp_path / "nested.yaml"
    file.write_text("geoloc:\n  camera_node:\n    ros__parameters: {x: 1}\n")
    assert values_for(NODE, read_sections(file)) == {"x": 1}
    assert values_for("/geoloc/retrieval_node", read_sections(file)) == {}


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(ParameterError, match=r"gone\.yaml does not exist; give the path of a ROS parameter"):
        read_sections(tmp_path / "gone.yaml")


def test_a_plain_section_is_renamed_and_all_else_stays_as_written(tmp_path):
    file = tmp_path / "nav2.yaml"
    text = (
        "# a drone\ncamera_node: # ours\n  ros__parameters:\n    max_tilt_deg: 3e1\n"
        "'retrieval_node':\n  ros__parameters: {k: 0x3}\n{}: {{ros__parameters: {{a: off}}}}\n"
    )
    file.write_text(text.replace("{}", "/**/lidar").replace("{{", "{").replace("}}", "}"))
    renamed = in_any_namespace(file)
    assert (
        renamed.replace("/**/camera_node:", "camera_node:").replace(
            "/**/retrieval_node:", "'retrieval_node':"
        )
        == file.read_text()
    )
    assert set(read_sections(file)) == {"/**/camera_node", "/**/retrieval_node", "/**/lidar"}


def test_ros_gets_a_copy_that_does_not_outlive_the_start(tmp_path):
    file = tmp_path / "plain.yaml"
    file.write_text("camera_node: {ros__parameters: {x: 1}}\n")
    given = ["node", "--ros-args", "--params-file", str(file), "-p", "y:=1", "--params-file", "/gone.yaml"]
    with for_ros(given) as words:
        (copy,) = {*words} - {*given}
        assert Path(copy).read_text() == "/**/camera_node: {ros__parameters: {x: 1}}\n"
    assert not Path(copy).exists()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "/camera_node",
            r"`/camera_node` in .*a\.yaml reaches no node, because camera_node runs as /geoloc/c.*",
        ),
        ("/uav1/camera_node", r"reaches no node.*; rename the section to `/\*\*/camera_node`\."),
        ("/*/uav1/camera_node", r"reaches no node"),
        (
            "camera_nod",
            r"camera_nod in .*a\.yaml is not a node of geoloc; rename it to camera_node\.",
        ),
        ("/geoloc/camrea_node", r"is not a node of geoloc"),
        ('"/*"', r"`/\*` in .* does not reach /geoloc/camera_node; rename it to `/\*\*`\."),
    ],
)
def test_a_section_that_misses_its_node_is_refused(tmp_path, text, sentence):
    file = tmp_path / "a.yaml"
    file.write_text(f"{text}: {{ros__parameters: {{max_tilt_deg: 30.0}}}}\n")
    with pytest.raises(ParameterError, match=sentence):
        check_sections(file, NODE)


@pytest.mark.parametrize(
    "sections",
    [
        ["/geoloc/camera_node", "/uav2/camera_node"],  # two drones, one file
        ["camera", "usb_camera_node", "/camera/camera_node_2", "/mavros/**", "controller_server"],
        ["retrieval_node", "evaluation_node", "camera_node"],
        ["/geoloc/*", "/**"],
    ],
)
def test_sections_of_other_nodes_are_accepted(tmp_path, sections):
    file = tmp_path / "a.yaml"
    file.write_text("".join(f"{name}: {{ros__parameters: {{x: 1}}}}\n" for name in sections))
    check_sections(file, NODE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a ROS parameter file"),
        (
            "/**:\n  ros__parameters:\n\ta: 1\n",
            r"line 3 of .*a\.yaml has a tab where YAML takes none; write sp",
        ),
        ("/**: [1, 2\n", r"line \d of .*a\.yaml is not YAML \(expected ',' or '\]'"),
        ("/**:\n  ros__parameters:\n    # a: 1\n", "`ros__parameters` of `/\\*\\*` in .* is empty"),
        ("ros__parameters:\n  a: 1\n", r"is under no node; write `/\*\*:` above"),
        ("/**:\n  ros_parameters: {a: 1}\n", "write `ros__parameters`"),
        ("camera_node:\n  max_tilt_deg: 1.0\n", "`camera_node` in .* has no `ros__parameters`"),
        (
            "/**: {ros__parameters: {m: [0, 90.0, 0]}}\n",
            r"m in .* is \[0, 90.0, 0\]; write a list of one type",
        ),
        ("/**: {ros__parameters: {m: [[1], [2]]}}\n", "write a list of one type"),
        ("/**: {ros__parameters: {a: {b: }}}\n", r"a\.b in .*a\.yaml has no value"),
        ("a: \0\n", "cannot be read as a ROS parameter file"),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(ParameterError, match=sentence) as raised:
        read_sections(file)
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")
