# SPDX-License-Identifier: Apache-2.0
"""Names of the topics that the nodes read, as `geoloc up` and the launch files take them."""

from dataclasses import fields

import pytest
from typer.testing import CliRunner

from geoloc.cli import app
from geoloc.errors import ParameterError
from geoloc.nodes.startup import processes, programs
from geoloc.nodes.startup.input_topics import InputTopics

NAMES = [field.name for field in fields(InputTopics)]
RENAMED = InputTopics(**{name: f"/drone/{name}" for name in NAMES})


@pytest.mark.parametrize(
    ("topic", "info"),
    [
        ("/cam/image_raw", "/cam/camera_info"),
        ("cam/image_raw", "cam/camera_info"),
        ("image_raw", "camera_info"),
        ("/image_raw", "/camera_info"),
    ],
)
def test_camera_info_is_beside_the_image(topic: str, info: str) -> None:
    remappings = dict(InputTopics(image_topic=topic).remappings())
    assert remappings == {"image": topic, "image/compressed": f"{topic}/compressed", "camera_info": info}


def test_camera_info_may_be_elsewhere() -> None:
    topics = InputTopics(image_topic="/cam/image_raw", camera_info_topic="/calibration")
    assert dict(topics.remappings())["camera_info"] == "/calibration"


def test_a_name_that_is_given_is_the_only_one_that_changes() -> None:
    assert InputTopics().remappings() == ()
    assert InputTopics(odom_topic="vio/odom").remappings() == (("odom", "vio/odom"),)
    assert InputTopics(tf_topic="tf").remappings() == (("/tf", "tf"), ("/tf_static", "tf_static"))


@pytest.mark.parametrize("name", ["", "my imu", "/imu/", "9imu", "imu//data", "/", "imu:=x", "große"])
def test_what_is_no_topic_name_is_refused(name: str) -> None:
    with pytest.raises(ParameterError, match=f"imu_topic is '{name}', which is no topic name in ROS; write"):
        InputTopics(imu_topic=name)


@pytest.mark.parametrize("name", NAMES)
def test_geoloc_up_has_an_option_for_each(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")
    seen = []

    def stop(choices: programs.BringUp) -> None:
        seen.append(choices.topics)
        raise KeyboardInterrupt

    monkeypatch.setattr(programs, "bring_up", stop)
    CliRunner().invoke(app, ["up", "--map", ".", f"--{name.replace('_', '-')}", "/mine"])
    assert seen == [InputTopics(**{name: "/mine"})]


def test_ros_reads_the_topics_under_their_names(request: pytest.FixtureRequest) -> None:
    rclpy = pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")
    request.getfixturevalue("ros")
    start = programs.start(programs.CAMERA_NODE, programs.BringUp(topics=RENAMED))
    words = processes.command(start, processes.Path("none.yaml"))
    rules = [word for word in words if ":=" in word and not word.startswith("__ns")]
    node = rclpy.create_node(
        "camera_node",
        namespace=start.namespace,
        cli_args=["--ros-args", *(part for rule in rules for part in ("--remap", rule))],
    )
    own = ("image", "camera_info", "imu", "altitude", "odom", "initial_fix", "/tf")
    assert [node.resolve_topic_name(topic) for topic in own] == [f"/drone/{name}" for name in NAMES]
    assert node.resolve_topic_name("image/compressed") == "/drone/image_topic/compressed"
    assert node.resolve_topic_name("/tf_static") == "/drone/tf_topic_static"
    assert node.resolve_topic_name("view/image") == "/geoloc/view/image"
    node.destroy_node()
