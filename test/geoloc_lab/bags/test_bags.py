# SPDX-License-Identifier: Apache-2.0
"""Intact bags, and bags that are incomplete, ambiguous or damaged."""

import itertools

import numpy as np
import pytest
from rosbags.rosbag2 import Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

import toy_flight
from geoloc.camera import messages
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc_lab.bags.reading import (
    AttitudeSample,
    CameraSample,
    FaultySample,
    HeightSample,
    ImageSample,
    OdometrySample,
    read_flight,
)
from geoloc_lab.bags.topic_choice import Topics
from geoloc_lab.bags.writing import STORAGES, BagRecorder


@pytest.fixture(scope="module")
def flight_bag(tmp_path_factory):
    return toy_flight.write_flight(tmp_path_factory.mktemp("bags") / "flight")


def test_topics_are_found_by_their_types(flight_bag):
    flight = read_flight(flight_bag)
    assert flight.topics == Topics(
        "/geoloc/image",
        "/geoloc/camera_info",
        "/geoloc/imu",
        "/geoloc/altitude",
        "/geoloc/odom",
        "/geoloc/truth",
    )
    assert flight.image_count == 6


def test_samples_come_typed_and_in_stamp_order(flight_bag):
    samples = list(read_flight(flight_bag).samples())
    kinds = {ImageSample, AttitudeSample, HeightSample, CameraSample, OdometrySample}
    assert {type(sample) for sample in samples} == kinds
    assert len(samples) == 30
    assert all(a.stamp_ns <= b.stamp_ns for a, b in itertools.pairwise(samples))
    image = next(sample for sample in samples if isinstance(sample, ImageSample))
    assert messages.decode_image(image.message).shape == (64, 64, 3)
    odometry = next(sample for sample in samples if isinstance(sample, OdometrySample))
    assert odometry.position_m == toy_flight.places()[0]
    np.testing.assert_array_equal(odometry.covariance_m2, np.zeros((2, 2)))
    height = next(sample for sample in samples if isinstance(sample, HeightSample))
    assert height.height_m == pytest.approx(toy_flight.HEIGHT_M)


def test_samples_recorded_late_are_put_back_in_order(tmp_path):
    with BagRecorder(tmp_path / "bag") as bag:
        for tenth in (1, 0, 3, 2, 5, 4):
            bag.altitude(tenth * 100_000_000, 50.0 + tenth)
        bag.image(600_000_000, np.zeros((8, 8, 3), np.uint8))
    samples = [s for s in read_flight(tmp_path / "bag").samples() if isinstance(s, HeightSample)]
    assert [round(sample.height_m) for sample in samples] == [50, 51, 52, 53, 54, 55]


def write_heights(path, entries, storage="mcap"):
    """Write a bag with one image; an entry is a topic, a type of height and its fields."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg(MAVROS, "mavros_msgs/msg/Altitude"))
    entries = [("/image", "sensor_msgs/msg/CompressedImage", {"format": "jpeg"}), *entries]
    with Writer(path, version=9, storage_plugin=STORAGES[storage]) as writer:
        for number, (topic, kind, fields) in enumerate(entries):
            message = store.types[kind](**filled(store, kind, number), **fields)
            connection = writer.add_connection(topic, kind, typestore=store)
            writer.write(connection, 5_000_000_000 + number, store.serialize_cdr(message, kind))
    return path


def filled(store, kind, number):
    stamp = store.types["builtin_interfaces/msg/Time"](sec=7, nanosec=number)
    header = {"header": store.types["std_msgs/msg/Header"](stamp=stamp, frame_id="")}
    whole = {"sensor_msgs/msg/CompressedImage": {"data": np.zeros(1, np.uint8)}}
    return {**({} if kind == FLOAT[1] else header), **whole.get(kind, {})}


MAVROS = "std_msgs/Header header\n" + "".join(
    f"float32 {name}\n" for name in ("monotonic", "amsl", "local", "relative", "terrain", "bottom_clearance")
)
ZEROS = dict.fromkeys(("monotonic", "amsl", "local", "terrain"), 0.0)
AUTOPILOT = (
    "/mavros/altitude",
    "mavros_msgs/msg/Altitude",
    {**ZEROS, "bottom_clearance": 40.0, "relative": 50.0},
)
LIDAR = (
    "/lidar",
    "sensor_msgs/msg/Range",
    {"radiation_type": 1, "field_of_view": 0.1, "min_range": 0.0, "max_range": 0.0, "range": 60.0},
)
FLOAT = ("/rel_alt", "std_msgs/msg/Float64", {"data": 70.0})


def heights_in(bag, topic=None, reference="auto"):
    """Return the topic of the heights, and stamps and heights of its samples."""
    flight = read_flight(bag, Topics(altitude=topic))
    found = [s for s in flight.samples(altitude_reference=reference) if not isinstance(s, ImageSample)]
    return flight.topics.altitude, [(s.stamp_ns, getattr(s, "height_m", s)) for s in found]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_heights_of_an_autopilot_are_read_as_their_reference_says(tmp_path, storage):
    bag = write_heights(tmp_path / "bag", [AUTOPILOT, FLOAT], storage)
    assert heights_in(bag) == ("/mavros/altitude", [(7_000_000_001, 40.0)])
    assert heights_in(bag, reference="takeoff") == ("/mavros/altitude", [(7_000_000_001, 50.0)])
    assert heights_in(bag, "/rel_alt", "takeoff") == ("/rel_alt", [(5_000_000_002, 70.0)])


def test_a_range_comes_before_an_autopilots_altitude(tmp_path):
    bag = write_heights(tmp_path / "bag", [AUTOPILOT, LIDAR])
    assert heights_in(bag) == ("/lidar", [(7_000_000_002, 60.0)])


def test_a_number_is_a_height_only_by_name_and_with_a_reference(tmp_path):
    assert heights_in(write_heights(tmp_path / "other", [FLOAT]))[0] == ""
    bag = write_heights(tmp_path / "named", [("/drone/altitude", *FLOAT[1:])])
    topic, ((_, faulty),) = heights_in(bag)
    assert topic == "/drone/altitude"
    assert "set altitude_reference to ground, or to takeoff" in faulty.refusal.sentence
    assert heights_in(bag, reference="ground")[1] == [(5_000_000_001, 70.0)]


def test_a_single_mcap_file_is_a_bag(flight_bag):
    assert read_flight(flight_bag / "flight.mcap").image_count == 6


def test_a_sqlite3_bag_is_a_bag(tmp_path):
    with BagRecorder(tmp_path / "bag", storage="sqlite3") as bag:
        bag.image(1, np.zeros((8, 8, 3), np.uint8))
    assert len(list(read_flight(tmp_path / "bag").samples())) == 1


def test_truth_is_interpolated_between_its_samples_only(flight_bag):
    track = read_flight(flight_bag).truth()
    start = toy_flight.START_S * 1_000_000_000
    first, middle, second = (track.at(start + tenth * 100_000_000) for tenth in (0, 5, 10))
    assert middle == pytest.approx(tuple((a + b) / 2 for a, b in zip(first, second, strict=True)), abs=1e-9)
    assert np.isnan(track.at(start - 1)).all()
    assert np.isnan(track.at(start + 6_000_000_000)).all()


def test_an_invalid_message_becomes_a_faulty_sample(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", count=1, imu=(float("nan"), 0.0, 0.0, 1.0), height_m=-3.0)
    faulty = [sample for sample in read_flight(bag).samples() if isinstance(sample, FaultySample)]
    assert {sample.topic: sample.refusal.reason for sample in faulty} == {
        "/geoloc/imu": Reason.BAD_ATTITUDE,
        "/geoloc/altitude": Reason.BAD_HEIGHT,
    }
    assert all(isinstance(sample.refusal, FrameRefused) for sample in faulty)


def test_named_topics_take_precedence_and_wrong_names_are_refused(flight_bag):
    assert read_flight(flight_bag, Topics(truth="")).topics.truth == ""
    with pytest.raises(BagError, match=r"no topic /cam of type .*; its topics of that type: /geoloc/image"):
        read_flight(flight_bag, Topics(image="/cam"))


def test_two_image_topics_are_refused_without_a_name(tmp_path):
    with BagRecorder(tmp_path / "bag") as bag:
        for compressed in (True, False):
            bag.image(1, np.zeros((8, 8, 3), np.uint8), compressed=compressed)
    with pytest.raises(BagError, match="several image topics"):
        read_flight(tmp_path / "bag")
    assert read_flight(tmp_path / "bag", Topics(image="/geoloc/image")).image_count == 1


def test_a_bag_without_images_is_refused(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", leave_out=("image",))
    with pytest.raises(BagError, match="holds no images"):
        read_flight(bag)


def test_a_bag_without_truth_says_how_to_give_it(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", truth=False)
    with pytest.raises(BagError, match="--truth"):
        read_flight(bag).truth()


def test_a_missing_bag_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(BagError, match="there is no bag at"):
        read_flight(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BagError, match="empty folder"):
        read_flight(tmp_path / "empty")


def test_a_file_that_is_no_bag_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    with pytest.raises(BagError, match="cannot be read as a bag"):
        read_flight(tmp_path / "notes.txt")
    with pytest.raises(BagError, match="cannot be read as a bag"):
        read_flight(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.0005, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_bag_is_refused(tmp_path, flight_bag, share):
    whole = (flight_bag / "flight.mcap").read_bytes()
    (tmp_path / "cut.mcap").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(BagError, match=r"cut\.mcap"):
        list(read_flight(tmp_path / "cut.mcap").samples())


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_a_damaged_bag_is_read_or_raises_bag_error(tmp_path, storage):
    with BagRecorder(tmp_path / "bag", storage=storage) as bag:
        for second in range(4):
            bag.image(second, np.zeros((8, 8, 3), np.uint8))
    file = next(path for path in (tmp_path / "bag").iterdir() if path.suffix != ".yaml")
    whole = bytearray(file.read_bytes())
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(12):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 12):
            damaged[place] = rng.integers(0, 256)
        file.write_bytes(damaged)
        try:
            list(read_flight(tmp_path / "bag").samples())
        except BagError:
            refused += 1
    assert refused
