# SPDX-License-Identifier: Apache-2.0
"""docs/interfaces.md lists the topics and services of the running nodes, no fewer and no more.

The tables are read from the page; type, quality of service and node of each row are those of the graph.
"""

import importlib
import importlib.util
import re
from typing import NamedTuple

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, NavSatFix

from doc_pages import ROOT
from flying import MAP, Drone, camera_node, fly, frame_at, knowing, options, wait_for
from geoloc.nodes import topics
from geoloc_lab.nodes import evaluation_node

PAGE = (ROOT / "docs/interfaces.md").read_text(encoding="utf-8")
NAMESPACE = "interfaces"
HAS_TF = importlib.util.find_spec("tf2_ros") is not None
DOES = {"read by": "reads", "published by": "publishes", "offered by": "offers"}
RCLPYS_TOPICS = {"/rosout", "/parameter_events", "/clock"}
RCLPYS_SERVICES = {
    "describe_parameters",
    "get_parameter_types",
    "get_parameters",
    "get_type_description",
    "list_parameters",
    "set_parameters",
    "set_parameters_atomically",
}
FRAME_IDS = {"the image's": "camera", "`map`": "map", "empty": ""}  # those of flying.Drone
NO_HEADER = "–"
_QUALITY = re.compile(r"(reliable|best effort), (volatile|transient local), (\d+)")
_CODE = re.compile(r"`([^`]+)`")


class Row(NamedTuple):
    """What one node has on one topic, or a service; a service has no quality of service."""

    node: str
    does: str
    name: str
    kind: str
    quality: tuple[str, str, int] | None


def lines_of(page):
    """Yield the lines of the tables of topics and services, as cells by column."""
    heads: list[str] = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.partition("<!--")[0].strip().strip("|").split("|")]
        if not line.startswith("|"):
            heads = []
        elif not heads:
            heads = cells
        elif heads[0] in ("topic", "service") and not cells[0].startswith("-"):
            yield dict(zip(heads, cells, strict=True))


def rows_of(page):
    """Return the rows of a page's tables; those of TF only if tf2_ros is installed."""
    found = set()
    for line in lines_of(page):
        name, kind = (_CODE.findall(line[head])[0] for head in (next(iter(line)), "type"))
        qualities = [(rel, dur, int(depth)) for rel, dur, depth in _QUALITY.findall(line.get("QoS", ""))]
        for head in DOES.keys() & line.keys():
            words = _CODE.findall(line[head])
            if "use_tf" in words and not HAS_TF:
                continue
            nodes = [word for word in words if word.endswith("_node")]
            found |= {
                Row(node, DOES[head], name, kind, quality)
                for node in nodes
                for quality in qualities or [None]
            }
    return found


def rows_of_node(node):
    """Return what the graph says of a node."""
    who = node.get_name(), node.get_namespace()
    published, read = node.get_publishers_info_by_topic, node.get_subscriptions_info_by_topic
    found = {
        *_endpoints(node, "publishes", node.get_publisher_names_and_types_by_node(*who), published),
        *_endpoints(node, "reads", node.get_subscriber_names_and_types_by_node(*who), read),
    }
    for service, (kind,) in node.get_service_names_and_types_by_node(*who):
        if service.rpartition("/")[2] not in RCLPYS_SERVICES:
            name = service.replace(node.get_fully_qualified_name(), "~")
            found.add(Row(node.get_name(), "offers", name, kind.replace("/srv/", "/"), None))
    return found


def _endpoints(node, does, listed, information):
    """Yield the rows of a node's publishers or subscriptions; DDS does not tell the depth, the node does."""
    own = node.publishers if does == "publishes" else node.subscriptions
    depths = {(each.topic_name, _policies(each.qos_profile)): each.qos_profile.depth for each in own}
    for topic in {topic for topic, _ in listed} - RCLPYS_TOPICS:
        for each in information(topic):
            if (each.node_name, each.node_namespace) == (node.get_name(), node.get_namespace()):
                policies = _policies(each.qos_profile)
                quality = (*policies, depths.get((topic, policies)))
                name = topic.removeprefix(f"{node.get_namespace()}/")
                yield Row(node.get_name(), does, name, each.topic_type.replace("/msg/", "/"), quality)


def _policies(quality):
    words = (quality.reliability, quality.durability)
    return tuple(policy.name.lower().replace("_", " ") for policy in words)


@pytest.fixture(scope="module")
def drone(spinner):
    return spinner.add(Drone(NAMESPACE))


@pytest.fixture(scope="module")
def suite(spinner, drone):
    """Return the nodes of one namespace, all of which have found each other."""
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    drone.create_publisher(NavSatFix, topics.INITIAL_FIX, latched)
    drone.create_publisher(CameraInfo, topics.CAMERA_INFO, latched)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geoloc.nodes.inputs.latched._LOOK_S", 0.02)
        nodes = fly(spinner, NAMESPACE, refine="ncc")
    drone.await_suite()
    return [nodes.camera, nodes.inference, nodes.retrieval]


@pytest.fixture
def others(ros, tmp_path):
    """Return further nodes: the page says how a camera's publishers and parameters change a camera_node."""
    made = []
    drivers = Node("driver", namespace="driven")
    reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    for namespace, kind, topic, transport in (
        ("lone", None, "", "auto"),
        ("driven/raw", Image, topics.IMAGE, "raw"),
        ("driven/small", CompressedImage, topics.IMAGE_COMPRESSED, "compressed"),
    ):
        if kind is not None:
            drivers.create_publisher(kind, f"/{namespace}/{topic}", reliable)
        made.append(camera_node(namespace, image_transport=transport, use_tf=HAS_TF))
    with knowing(evaluation_node, MAP):
        given = options(NAMESPACE, model="pixels", map="world", out=str(tmp_path))
        made.append(evaluation_node.EvaluationNode(**given))
    yield made
    for node in (*made, drivers):
        if hasattr(node, "close"):
            node.close()
        node.destroy_node()


def test_the_page_lists_the_topics_and_services_of_the_running_nodes(suite, others):
    page = rows_of(PAGE)

    def running():
        return set().union(*map(rows_of_node, [*suite, *others]))

    wait_for(lambda: running() == page)
    assert running() - page == set(), "not on the page"
    assert page - running() == set(), "on the page only"


def test_every_line_of_the_tables_counts():
    lines = [line for line in PAGE.splitlines() if line.startswith("| `") and "_node`" in line]
    assert len(lines) > 25
    ignored = [line for line in lines if rows_of(PAGE.replace(f"{line}\n", "")) == rows_of(PAGE)]
    assert [line for line in ignored if "use_tf" not in line or HAS_TF] == []


def test_each_output_arrives_as_the_page_says_with_its_frame_id(suite, drone):
    heard, expected = {}, {}

    def hear(topic, message):
        is_about_no_frame = topic == "fix" and not message.header.frame_id  # once a second without frames
        if not is_about_no_frame:
            heard.setdefault(topic, message)

    for line in lines_of(PAGE):
        if "frame_id" in line:
            (topic,), (kind,) = _CODE.findall(line["topic"]), _CODE.findall(line["type"])
            expected[topic] = None if line["frame_id"] == NO_HEADER else FRAME_IDS[line["frame_id"]]
            reliability, durability, depth = _QUALITY.findall(line["QoS"])[0]
            quality = QoSProfile(
                depth=int(depth),
                reliability=ReliabilityPolicy[reliability.upper().replace(" ", "_")],
                durability=DurabilityPolicy[durability.upper().replace(" ", "_")],
            )
            package, name = kind.split("/")
            drone.create_subscription(
                getattr(importlib.import_module(f"{package}.msg"), name),
                topic,
                lambda message, topic=topic: hear(topic, message),
                quality,
            )
    drone.good_frame()
    drone.shoot(drone.next_stamp(), frame_at(0.0, 0.0))  # refused: there is no height at this stamp
    wait_for(lambda: heard.keys() == expected.keys())
    assert {
        topic: message.header.frame_id if hasattr(message, "header") else None
        for topic, message in heard.items()
    } == expected
