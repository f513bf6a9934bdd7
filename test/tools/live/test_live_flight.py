# SPDX-License-Identifier: Apache-2.0
"""A live flight across processes: a raw camera, an autopilot and the suite, each a process; metres come out.

The frames that count are ten after the first fix, a second before the last one: answers may still come. A
machine that is too busy just then gets three more spans.
"""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tools" / "live"))

from flightlog import figures
from session import NODES, Camera, Session

from small_scene import SIZE, small_scene

RATE_HZ = 5.0
JUDGED, LAST, SPANS = 10, round(RATE_HZ), 4
SHARE, MEDIAN_M = 0.9, 3.0  # on an idle machine all frames are answered, with a median below 1 m
LIMIT_S = 90.0


def has_launch():
    """Return whether launch can start our nodes: it is installed, and an ament prefix holds geoloc."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    ours = (Path(prefix, "share/ament_index/resource_index/packages/geoloc") for prefix in prefixes)
    return importlib.util.find_spec("launch_ros") is not None and any(file.is_file() for file in ours)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return small_scene(tmp_path_factory.mktemp("scene"))


def flown(scene, folder, *, launch):
    """Fly the camera over a new suite; return the figures of the first span that is answered, or the last."""
    with Session(scene, folder) as session:
        suite = session.bring_up(launch=launch)
        session.take_off(suite, SIZE[0])
        camera = session.film(suite, Camera(SIZE, RATE_HZ, "rgb8", reliable=True))

        def flight():
            return session.read(suite, SIZE[0]).after_first_fix()

        def has(frames):
            return lambda: len(flight().sent) >= frames

        session.until(lambda: flight().answers, "a frame is answered", suite.up, LIMIT_S)
        for begin in range(0, SPANS * JUDGED, JUDGED):
            session.until(has(begin + JUDGED + LAST), "the camera goes on", camera, LIMIT_S)
            log = flight()
            found = figures(log.between(log.sent[begin].wall_ns, log.sent[begin + JUDGED].wall_ns))
            if found.share >= SHARE:
                break
        assert suite.up.runs
        nodes = suite.nodes().values()
    assert len(nodes) == len(NODES)
    assert not any(node.is_running() for node in nodes)
    return found


@pytest.mark.parametrize(
    "launch",
    [
        False,
        pytest.param(
            True,
            marks=pytest.mark.skipif(
                not has_launch(), reason="the ROS 2 launch system with geoloc is not installed here"
            ),
        ),
    ],
    ids=["geoloc up", "launch"],
)
def test_a_raw_camera_in_a_process_of_its_own_is_located_to_metres(scene, tmp_path, launch):
    found = flown(scene, tmp_path, launch=launch)
    assert found.sent == JUDGED
    assert found.share >= SHARE, found
    assert found.median_m < MEDIAN_M, found
