# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from typer.testing import CliRunner

from geoloc.camera import heights, messages
from geoloc.camera.attitude import mount_rotation
from geoloc.camera.views import ViewSpec, frame_to_view
from geoloc.cli import app
from geoloc.errors import BagError, ParameterError
from geoloc.parameter_files import read_sections
from geoloc.raster.views import open_raster
from geoloc_lab.bags.writing import TOPICS, BagRecorder
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera, default_intrinsics
from geoloc_lab.flight_simulator.flight_plan import FlightPlan
from geoloc_lab.flight_simulator.recording import Drone, write_bag, write_drone_file
from geoloc_lab.flight_simulator.sensors import SensorErrors
from geoloc_lab.flight_simulator.trajectory import fly
from geoloc_lab.world.world import write_world

PLAN = FlightPlan(
    ((-60.0, -40.0), (60.0, 0.0), (20.0, 60.0)), height_m=60.0, max_duration_s=8.0, gust_deg=5.0
)
SMALL = default_intrinsics(320, 240)


@pytest.fixture(scope="module")
def ground(tmp_path_factory):
    path = write_world(tmp_path_factory.mktemp("world"), 2, 600.0, 0.3, (1,))[0]
    with open_raster(path) as raster:
        yield raster


@pytest.fixture(scope="module")
def bag(ground, tmp_path_factory):
    path = tmp_path_factory.mktemp("flight") / "bag"
    flown = write_bag(path, ground, PLAN, Drone(AerialCamera(SMALL)), seed=1, progress=False)
    return path, flown


def read(path):
    found = {}
    with AnyReader([path]) as reader:
        for connection, _, raw in reader.messages():
            found.setdefault(connection.topic, []).append(reader.deserialize(raw, connection.msgtype))
    return found


@pytest.mark.parametrize("mount", [(0.0, 90.0, 0.0), (0.0, 70.0, 0.0), (0.0, 90.0, 90.0), (5.0, 80.0, 30.0)])
def test_views_of_the_frames_match_the_ground(ground, mount):
    """The view undoes the simulated camera, so signs, axes and lens agree with the camera code."""
    flown = fly(PLAN, 1)
    camera = AerialCamera(SMALL, mount, noise=1.0, vignetting=0.0, exposure_spread=0.0)
    spec = ViewSpec(50.0, 128)
    for tick, picture in list(camera.frames(ground, flown, 1))[::4]:
        rotation = flown.world_from_body[tick].as_matrix() @ mount_rotation(mount)
        east, north, height = flown.position_m[tick]
        view = frame_to_view(picture, SMALL, rotation, height, spec)
        reference, _ = ground.view(east - view.offset_east_m, north - view.offset_north_m, 50.0, 128)
        grey = [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (view.image, reference)]
        (dx, dy), strength = cv2.phaseCorrelate(*grey, cv2.createHanningWindow((128, 128), cv2.CV_32F))
        assert math.hypot(dx, dy) < 0.25, (mount, tick)
        assert strength > 0.3
        assert np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1] > 0.85


def test_bag_holds_every_topic(bag):
    found = read(bag[0])
    assert set(found) == {topic for role, (topic, _) in TOPICS.items() if role != "image"}
    assert len(found["/geoloc/imu"]) == 800


def test_every_frame_has_equal_stamps_on_all_topics(bag):
    stamps = {topic: [messages.stamp_ns(m) for m in found] for topic, found in read(bag[0]).items()}
    frames = stamps["/geoloc/image/compressed"]
    assert frames == bag[1].stamp_ns[bag[1].frame_ticks].tolist()
    assert stamps["/geoloc/camera_info"] == frames
    for topic, found in stamps.items():
        assert set(frames) <= set(found), topic
        assert found == sorted(found), topic


def test_messages_say_what_was_flown(bag, ground):
    path, flown = bag
    found = read(path)
    info = messages.intrinsics(found["/geoloc/camera_info"][0])
    np.testing.assert_allclose(info.matrix, SMALL.matrix)
    assert info.model == "plumb_bob"
    assert messages.decode_image(found["/geoloc/image/compressed"][0]).shape == (240, 320, 3)
    for message, tick in zip(found["/geoloc/truth"], flown.aux_ticks, strict=True):
        east, north = ground.frame.to_local(message.latitude, message.longitude)
        np.testing.assert_allclose([east, north], flown.position_m[tick, :2], atol=1e-3)
    metres = np.array([heights.height_m(heights.RANGE, m) for m in found["/geoloc/altitude"]])
    np.testing.assert_allclose(metres, flown.position_m[flown.aux_ticks, 2], atol=4.0)
    turned = [
        np.abs(np.dot(messages.quaternion(m), flown.world_from_body[k].as_quat()))
        for k, m in enumerate(found["/geoloc/imu"][:50])
    ]
    assert min(turned) > math.cos(math.radians(5.0) / 2)


def test_raw_images_and_sqlite(ground, tmp_path):
    plan = FlightPlan(PLAN.waypoints_m, height_m=60.0, max_duration_s=1.0)
    write_bag(
        tmp_path / "raw",
        ground,
        plan,
        Drone(AerialCamera(SMALL)),
        compressed=False,
        storage="sqlite3",
        progress=False,
    )
    assert list((tmp_path / "raw").glob("*.db3"))
    found = read(tmp_path / "raw")
    assert "/geoloc/image/compressed" not in found
    assert messages.decode_image(found["/geoloc/image"][0]).shape == (240, 320, 3)


def test_the_same_seed_takes_the_same_images(ground):
    flown = fly(FlightPlan(PLAN.waypoints_m, height_m=60.0, max_duration_s=1.0), 5)
    first, again = ([p for _, p in AerialCamera(SMALL).frames(ground, flown, 5)] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_flight_off_the_raster_is_refused_before_anything_is_written(ground, tmp_path):
    plan = FlightPlan(((0.0, 0.0), (400.0, 0.0)), height_m=60.0)
    with pytest.raises(ParameterError, match="beyond the raster's edge"):
        write_bag(tmp_path / "bag", ground, plan, progress=False)
    assert not list(tmp_path.iterdir())


def interrupt(recorder):
    with recorder:
        recorder.altitude(1, 50.0)
        raise KeyboardInterrupt


def test_a_recording_cut_short_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupt(BagRecorder(tmp_path / "bag"))
    assert not list(tmp_path.iterdir())


def test_a_recording_appears_when_it_is_whole(tmp_path):
    with BagRecorder(tmp_path / "bag") as recorder:
        recorder.altitude(1, 50.0)
        assert not (tmp_path / "bag").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["bag"]
    assert list(read(tmp_path / "bag")) == ["/geoloc/altitude"]


def test_an_existing_bag_is_kept_unless_overwrite_is_given(tmp_path):
    for overwrite in (False, True):
        with BagRecorder(tmp_path / "bag", overwrite=overwrite) as recorder:
            recorder.altitude(1, 50.0)
    with pytest.raises(BagError, match="exists already"):
        BagRecorder(tmp_path / "bag")
    (tmp_path / "letters").mkdir()
    with pytest.raises(BagError, match="not a rosbag2 folder"):
        BagRecorder(tmp_path / "letters", overwrite=True)
    assert (tmp_path / "letters").is_dir()


def test_an_unwritable_place_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BagError, match="cannot be written"), BagRecorder(tmp_path / "file" / "bag"):
        pass


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda: AerialCamera(exposure_s=-1.0), "exposure_s"),
        (lambda: AerialCamera(noise=math.nan), "noise"),
        (lambda: AerialCamera(vignetting=2.0), "vignetting"),
        (lambda: default_intrinsics(hfov_deg=170.0), "hfov_deg"),
        (lambda: default_intrinsics(width=4), "too small"),
        (lambda: BagRecorder(Path("x"), storage="zip"), "storage"),
        (lambda: BagRecorder(Path("x"), jpeg_quality=0), "jpeg_quality"),
    ],
)
def test_refuses_impossible_parameters(make, word):
    with pytest.raises(ParameterError, match=word):
        make()


def test_commands_make_a_world_and_a_flight(tmp_path):
    run = CliRunner()
    made = run.invoke(
        app, ["simulate", "world", "--out", str(tmp_path / "w"), "--size-m", "400", "--gsd-m", "0.5"]
    )
    assert made.exit_code == 0, made.output
    command = [
        "simulate",
        "flight",
        "--raster",
        str(tmp_path / "w" / "date1.tif"),
        "--out",
        str(tmp_path / "bag"),
    ]
    flown = run.invoke(
        app,
        [
            *command,
            "--margin-m",
            "150",
            "--height-m",
            "50",
            "--duration-s",
            "2",
            "--width",
            "160",
            "--height",
            "120",
        ],
    )
    assert flown.exit_code == 0, flown.output
    assert "frames" in flown.output
    assert len(read(tmp_path / "bag")) == 6
    drone = tmp_path / "bag" / "drone.yaml"
    assert read_sections(drone)["/**"]["attitude_error_deg"] > 0.0
    assert f"geoloc map build {tmp_path / 'w' / 'date0.tif'} --view-size 42 --out my_map" in flown.output
    assert f"evaluate {tmp_path / 'bag'} --map my_map --params-file {drone} --out report" in flown.output


def test_a_flight_needs_one_ground(tmp_path):
    outcome = CliRunner().invoke(app, ["simulate", "flight", "--out", str(tmp_path / "bag")])
    assert isinstance(outcome.exception, ParameterError)


def test_the_attitude_accuracy_of_the_drone_is_written_as_a_parameter_file(tmp_path):
    errors = SensorErrors(tilt_error_deg=0.4, attitude_noise_deg=0.3)
    level = write_drone_file(tmp_path / "drone.yaml", errors)
    assert read_sections(level) == {"/**": {"attitude_error_deg": 0.5, "altitude_axis": "vertical"}}
    tilted = write_drone_file(tmp_path / "tilted.yaml", errors, (0.0, 60.0, 0.0))
    assert read_sections(tilted)["/**"]["mount_rpy_deg"] == [0.0, 60.0, 0.0]
