# SPDX-License-Identifier: Apache-2.0
"""Tests the pictures of the simulated live camera, its orders and its clock."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "live"))

from drone_clock import DroneClock, Orders
from loop import NARROW, WIDE
from scene import Scene, enlarged, packed, rendered_size, trajectory

from geoloc.errors import ParameterError


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch) -> Orders:
    monkeypatch.setattr("drone_clock.signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", [])
    return Orders(DroneClock())


def test_sizes_are_made_from_a_rendered_one_of_the_same_shape() -> None:
    assert [rendered_size(size) for size in ((640, 480), (1280, 720), (3840, 2160))] == [
        (640, 480),
        (1280, 720),
        (1280, 720),
    ]
    with pytest.raises(ParameterError, match="1000 x 1000 is neither"):
        rendered_size((1000, 1000))


def test_an_enlarged_picture_shows_the_same_with_noise() -> None:
    picture = cv2.resize(np.random.default_rng(1).integers(0, 255, (9, 16, 3), np.uint8), (320, 180))
    large = enlarged(picture, (960, 540), 1)
    assert large.shape == (540, 960, 3)
    small = cv2.resize(large, (320, 180), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(small - picture).mean() < 2.0
    assert (large != enlarged(picture, (960, 540), 2)).mean() > 0.5
    assert enlarged(picture, (320, 180), 1) is picture


def test_a_kept_picture_is_sent_as_it_is_or_in_the_colours_of_its_encoding(tmp_path: Path) -> None:
    folder = tmp_path / f"pictures-1280x720-{WIDE.poses}"
    folder.mkdir()
    blue = np.zeros((720, 1280, 3), np.uint8)
    blue[..., 0] = 200
    (folder / "007.jpg").write_bytes(packed(blue, "jpeg"))
    scene = Scene(tmp_path)
    assert scene.picture((1280, 720), 7, "jpeg") == (folder / "007.jpg").read_bytes()
    for encoding, channel in (("rgb8", 2), ("bgr8", 0)):
        pixels = np.frombuffer(scene.picture((1280, 720), 7, encoding), np.uint8).reshape(720, 1280, 3)
        assert pixels.mean((0, 1)).argmax() == channel
    with pytest.raises(ParameterError, match=r"008\.jpg cannot be read; delete its folder"):
        scene.picture((1280, 720), 8, "rgb8")


@pytest.mark.parametrize("loop", [WIDE, NARROW])
def test_pictures_are_taken_at_the_places_of_the_poses(loop) -> None:
    flight = trajectory(loop)
    assert len(flight.frame_ticks) == loop.poses
    for pose in (0, loop.poses // 3):
        assert loop.pose(loop.turn(int(flight.stamp_ns[pose]))) == pose
        assert flight.position_m[pose].tolist() == [*loop.place(pose / loop.poses), loop.height_m]


def test_orders_stop_the_camera_and_move_the_clock(orders: Orders, capsys) -> None:
    clock = orders._clock
    before_ns = clock.now_ns()
    for line, flying in (("stop\n", False), ("\n", False), ("go\n", True), ("jump 3600\n", True)):
        orders.obey(line)
        assert orders.flying is flying
    assert 3600e9 <= clock.now_ns() - before_ns < 3601e9
    orders.obey("land\n")
    assert "'land' is unknown; write stop, go or jump SECONDS." in capsys.readouterr().err


def test_a_process_ends_with_the_one_that_started_it(orders: Orders, monkeypatch) -> None:
    assert not orders.ended
    monkeypatch.setattr("drone_clock.os.getppid", lambda: 1)
    assert orders.ended
