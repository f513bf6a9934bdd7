# SPDX-License-Identifier: Apache-2.0
"""Small parts of the nodes: parameters, newest frame, stamps, cv_bridge."""

import dataclasses
import itertools
import math
import sys
import threading
import time
from types import ModuleType, SimpleNamespace
from unittest import mock

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import numpy as np
import rclpy
import yaml
from rcl_interfaces.msg import ParameterType
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from flying import options
from geoloc.errors import FrameRefused, ParameterError
from geoloc.nodes import (
    camera_node,
    inference_node,
    messages_in,
    retrieval_node,
)
from geoloc.nodes.latest import LatestWorker
from geoloc.nodes.parameters import declare, file_that_sets
from geoloc.nodes.settings import NODES as FLYING
from geoloc.nodes.stamped_cache import StampedCache
from geoloc.settings import check, setting, settings_of
from geoloc_lab.nodes import evaluation_node, replay_node
from geoloc_lab.nodes.replay_clock import ReplayClock
from geoloc_lab.nodes.settings import NODES as LABS

NODES = (camera_node, evaluation_node, inference_node, replay_node, retrieval_node)


@dataclasses.dataclass(frozen=True)
class Table:
    height_m: float = setting(100.0, "height of something", unit="m", low=1.0, high=500.0)
    turn_deg: tuple = setting((0.0, 90.0, 0.0), "a turn", unit="deg", low=-360.0, high=360.0)
    mode: str = setting("auto", "how", choices=("auto", "raw"))
    threads: int = setting(0, "threads", low=0, high=8)
    use_tf: bool = setting(False, "TF or not")
    bag: str = setting("x", "a bag", required=True)
    gain: float = setting(1.0, "a gain", low=0.0, high=2.0, in_flight=True)

    def __post_init__(self):
        check(self)


@pytest.fixture
def node_with(ros):
    made = []

    def make(**values):
        made.append(rclpy.create_node("some_node", **options("parts", **values)))
        return made[-1]

    yield make
    for node in made:
        node.destroy_node()


def test_parameters_are_described_and_read_only(node_with):
    node = node_with(height_m=20.0)
    assert declare(node, Table) == Table(height_m=20.0)
    description = node.describe_parameter("height_m")
    assert description.type == ParameterType.PARAMETER_DOUBLE
    assert description.description == "height of something [m]"
    assert description.floating_point_range[0].to_value == 500.0
    assert description.read_only
    assert not node.set_parameters([Parameter("height_m", value=30.0)])[0].successful


def test_a_setting_that_may_change_in_flight_is_a_parameter_that_may_be_set(node_with):
    node = node_with()
    declare(node, Table)
    assert node.set_parameters([Parameter("gain", value=2.0)])[0].successful
    assert not node.set_parameters([Parameter("gain", value=2.1)])[0].successful


@pytest.mark.parametrize(("name", "kind"), [*FLYING.items(), *LABS.items()])
def test_every_parameter_of_every_node_is_what_its_setting_declares(node_with, name, kind):
    given = {"view_size_m": 60.0, "encoder_px": 160, "model": "m", "map": "m", "bag": "b"}
    node = node_with(**{each: given[each] for each in settings_of(kind) if each in given})
    declare(node, kind)
    for each, declared in settings_of(kind).items():
        shown, value = node.describe_parameter(each), node.get_parameter(each).value
        value = tuple(value) if isinstance(declared.default, tuple) else value
        assert value == given.get(each, declared.default)
        assert shown.description == declared.text_with_unit
        assert shown.read_only != declared.in_flight
        assert shown.additional_constraints == declared.constraints()
        ranges = [*shown.floating_point_range, *shown.integer_range]
        assert all((found.from_value, found.to_value) == (declared.low, declared.high) for found in ranges)
        number = type(declared.default) in (int, float)
        assert len(ranges) == (number and declared.low is not None)


def test_whole_numbers_are_taken_where_numbers_are_meant(node_with):
    node = node_with(height_m=20, turn_deg=[1, 2, 3])
    table = declare(node, Table)
    assert (table.height_m, table.turn_deg) == (20.0, (1.0, 2.0, 3.0))
    assert isinstance(table.height_m, float)
    assert node.get_parameter("height_m").type_ == Parameter.Type.DOUBLE


def test_a_probable_typo_is_logged_and_other_nodes_parameters_are_not(node_with):
    node = node_with(height_m=20.0, heading_err=180.0, refine="off", lidar_channels=16, max_truth_gap_s=1.0)
    log = mock.Mock()
    with mock.patch.object(node, "get_logger", return_value=log):
        declare(node, Table)
    log.warning.assert_called_once_with(
        "parameter heading_err is unknown and ignored; rename it to heading_error_deg."
    )


@pytest.mark.parametrize(("section", "warned"), [("/some_node", True), ("some_node", False)])
def test_a_node_that_starts_alone_warns_of_a_section_that_misses_it(
    node_with, monkeypatch, tmp_path, section, warned
):
    file = tmp_path / "alone.yaml"
    file.write_text(f"{section}: {{ros__parameters: {{height_m: 20.0}}}}\n")
    monkeypatch.setattr(sys, "argv", ["node", "--ros-args", "--params-file", str(file)])
    node, log = node_with(), mock.Mock()
    with mock.patch.object(node, "get_logger", return_value=log):
        declare(node, Table)
    assert log.warning.called is warned
    assert not warned or "some_node runs as /parts/some_node" in log.warning.call_args.args[0]


BAD_VALUES = {
    "too large": {"height_m": 501.0},
    "NaN": {"height_m": math.nan},
    "text for number": {"height_m": "high"},
    "boolean for number": {"threads": True},
    "fraction for whole": {"threads": 1.5},
    "list too short": {"turn_deg": [0.0, 1.0]},
    "list out of range": {"turn_deg": [0.0, 1.0, 1e9]},
    "unknown choice": {"mode": "fast"},
    "number for truth": {"use_tf": 1},
    "empty": {"bag": ""},
}


@pytest.mark.parametrize("values", BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_bad_value_is_reported_with_its_range_and_the_file_to_edit(node_with, values):
    ((name, value),) = values.items()
    with pytest.raises(ParameterError) as raised:
        declare(node_with(**values), Table)
    sentence = str(raised.value)
    assert sentence.startswith(f"some_node: parameter {name} is {value!r}; it must be ")
    assert f"edit {name} in " in sentence


def test_the_file_to_edit_is_the_last_that_sets_the_parameter(tmp_path):
    files = [tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml"]
    for file, name in zip(files, ("height_m", "height_m", "mode"), strict=True):
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": {name: 1}}}))
    arguments = list(itertools.chain.from_iterable(("--params-file", str(file)) for file in files))
    assert file_that_sets("height_m", ["node", "--ros-args", *arguments]) == str(files[1])
    assert "argument" in file_that_sets("other", arguments)


def test_no_node_overwrites_what_rclpy_keeps_for_itself(ros):
    plain = rclpy.create_node("plain")
    kept = set(vars(plain)) | set(dir(plain))
    plain.destroy_node()
    for module in NODES:
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, rclpy.node.Node)
                and value.__module__ == module.__name__
            ):
                names = set(itertools.chain.from_iterable(_assigned(f) for f in vars(value).values()))
                assert not names & kept, module.__name__


def _assigned(function):
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    import dis

    return [i.argval for i in dis.get_instructions(code) if i.opname == "STORE_ATTR"]


def test_only_the_newest_is_worked_on_and_the_rest_counted():
    first_taken, go_on, done = threading.Event(), threading.Event(), []

    def work(item):
        first_taken.set()
        go_on.wait(5)
        done.append(item)

    worker = LatestWorker(work, "test")
    worker.put(1)
    assert first_taken.wait(5)
    for item in (2, 3, 4):
        worker.put(item)
    go_on.set()
    deadline = time.monotonic() + 5
    while done != [1, 4] and time.monotonic() < deadline:
        time.sleep(0.001)
    worker.stop()
    assert done == [1, 4]
    assert worker.dropped == 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_the_thread_ends_the_node_instead_of_silencing_it():
    worker = LatestWorker(lambda item: 1 / item, "test")
    worker.put(0)
    worker._thread.join(5)
    assert worker.is_idle()  # else nobody would ask it any more
    with pytest.raises(RuntimeError, match="has died"):
        worker.put(1)


def test_the_worker_tells_when_it_has_nothing_left_to_do():
    go_on, told = threading.Event(), threading.Event()
    worker = LatestWorker(lambda item: go_on.wait(5), "test", told.set)
    assert worker.is_idle()
    worker.put(1)
    assert not worker.is_idle()
    assert not told.is_set()
    go_on.set()
    assert told.wait(5)
    assert worker.is_idle()
    worker.stop()


def test_stopping_does_not_wait_for_later_items():
    worker = LatestWorker(lambda item: None, "test")
    worker.stop()
    worker.put(1)  # a message that comes while the node ends
    assert not worker._thread.is_alive()


def test_messages_of_one_stamp_are_joined_in_any_order():
    cache = StampedCache(size=2)
    for stamp_ns in (1, 2, 3):
        cache.put(stamp_ns, f"item {stamp_ns}")
    assert cache.take(3, 0.0) == "item 3"
    assert cache.take(3, 0.0) is None
    assert cache.take(1, 0.0) is None
    threading.Timer(0.02, cache.put, (4, "late")).start()
    assert cache.take(4, 5.0) == "late"


def test_the_replay_clock_runs_at_its_rate():
    clock = ReplayClock(1_000_000_000, rate=50.0)
    began = time.monotonic()
    while clock.nap_s(2_000_000_000):
        time.sleep(clock.nap_s(2_000_000_000))
    assert 0.019 < time.monotonic() - began < 0.2
    assert clock.now_ns() >= 2_000_000_000
    assert clock.tick_is_due()
    assert not clock.tick_is_due()


def test_a_player_that_was_held_up_goes_on_from_where_it_was():
    clock = ReplayClock(0, rate=10.0)
    time.sleep(0.15)
    assert clock.nap_s(200_000_000) == 0.0
    assert clock.lost_s == pytest.approx(0.13, abs=0.05)
    assert abs(clock.now_ns() - 200_000_000) < 500_000_000
    assert clock.nap_s(2_000_000_000) > 0.0


def fake_cv_bridge(answer):
    module = ModuleType("cv_bridge")
    module.CvBridgeError = type("CvBridgeError", (Exception,), {})
    module.CvBridge = lambda: SimpleNamespace(imgmsg_to_cv2=answer)
    return module


def test_cv_bridge_reads_what_geoloc_does_not(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "cv_bridge", fake_cv_bridge(lambda m, to: np.full((2, 2, 3), 7, np.uint8))
    )
    assert messages_in.camera_image(Image(encoding="nv21")).max() == 7


def test_what_cv_bridge_refuses_is_a_refused_frame(monkeypatch):
    def fail(message, to):
        raise ValueError("cannot reshape")

    monkeypatch.setitem(sys.modules, "cv_bridge", fake_cv_bridge(fail))
    with pytest.raises(FrameRefused, match="cannot reshape"):
        messages_in.camera_image(Image(encoding="nv21"))


def test_without_cv_bridge_the_encoding_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv_bridge", None)
    with pytest.raises(FrameRefused, match="nv21"):
        messages_in.camera_image(Image(encoding="nv21"))
