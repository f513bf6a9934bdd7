# SPDX-License-Identifier: Apache-2.0
"""The containers in which people record: ROS 1 bags, mcap without indexes, drivers that set no stamps."""

import struct
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

import toy_flight
from geoloc.errors import BagError, Reason
from geoloc_lab.bags.bag_messages import messages_of, opened
from geoloc_lab.bags.damage import damaged
from geoloc_lab.bags.playlist import Playlist, TopicChoice
from geoloc_lab.bags.reading import AttitudeSample, FaultySample, ImageSample, read_flight

ROS1, ROS2 = get_typestore(Stores.ROS1_NOETIC), get_typestore(Stores.ROS2_JAZZY)
CHUNK_INDEX, DATA_END, FOOTER, MAGIC = 0x08, 0x0F, 0x02, b"\x89MCAP0\r\n"


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return toy_flight.write_flight(tmp_path_factory.mktemp("bags") / "flight", count=3, compressed=True)


def as_ros1(bag, path):
    """Write a bag as ROS 1 has it: with a sequence number, and CameraInfo in capitals."""
    capitals = {"d": "D", "k": "K", "r": "R", "p": "P"}
    with Reader(bag) as reader, Writer1(path) as writer:
        connections = {}
        for connection, time_ns, raw in reader.messages():
            kind = connection.msgtype
            message = ROS2.deserialize_cdr(raw, kind)
            frame = ROS1.types["std_msgs/msg/Header"](
                seq=7, stamp=message.header.stamp, frame_id=message.header.frame_id
            )
            fields = {name for name, _ in ROS1.fielddefs[kind][1]}
            values = {
                capitals.get(n, n) if kind.endswith("CameraInfo") else n: v for n, v in vars(message).items()
            }
            values = {name: v for name, v in values.items() if name in fields} | {"header": frame}
            if connection.topic not in connections:
                connections[connection.topic] = writer.add_connection(connection.topic, kind, typestore=ROS1)
            raw1 = ROS1.serialize_ros1(ROS1.types[kind](**values), kind)
            writer.write(connections[connection.topic], time_ns, raw1)
    return path


def shown(sample):
    """Return a sample as plain values."""
    if isinstance(sample, ImageSample):
        return sample.stamp_ns, sample.decode().tobytes()
    values = [getattr(value, "matrix", value) for value in vars(sample).values()]
    return type(sample).__name__, [np.asarray(value).tolist() for value in values]


def test_a_ros_1_bag_is_read_like_a_rosbag2(bag, tmp_path):
    flight, old = read_flight(bag), read_flight(as_ros1(bag, tmp_path / "old.bag"))
    assert old.topics == flight.topics
    assert [shown(sample) for sample in old.samples()] == [shown(sample) for sample in flight.samples()]
    assert old.truth().latitude_deg.tolist() == flight.truth().latitude_deg.tolist()


def test_a_ros_1_bag_is_not_played_and_the_command_that_converts_it_is_named(bag, tmp_path):
    old = as_ros1(bag, tmp_path / "old.bag")
    with pytest.raises(BagError, match=r"is a ROS 1 bag.*rosbags-convert --src .*old\.bag --dst .*old`"):
        Playlist(old, TopicChoice({}))


def records(data):
    """Yield the records of an mcap file: kind and content."""
    at = len(MAGIC)
    while at < len(data) - len(MAGIC):
        (size,) = struct.unpack("<Q", data[at + 1 : at + 9])
        yield data[at], data[at + 9 : at + 9 + size]
        at += 9 + size


def without_message_index(content):
    """Return the index of a chunk without the places of its messages, as without that index."""
    (length,) = struct.unpack("<I", content[32:36])
    return content[:32] + struct.pack("<IQ", 0, 0) + content[36 + length + 8 :]


def rewritten(bag, path, change):
    """Write the file of a bag with each record changed; None drops it."""
    out = bytearray(MAGIC)
    summary = 0
    for kind, content in records(next(bag.glob("*.mcap")).read_bytes()):
        content = struct.pack("<QQI", summary, 0, 0) if kind == FOOTER else change(kind, content)
        if content is not None:
            out += struct.pack("<BQ", kind, len(content)) + content
        summary = len(out) if kind == DATA_END else summary
    path.write_bytes(out + MAGIC)
    return path


def test_messages_that_an_mcap_file_states_and_does_not_find_are_told(bag, tmp_path):
    def change(kind, content):
        return without_message_index(content) if kind == CHUNK_INDEX else content

    whole = rewritten(bag, tmp_path / "whole.mcap", lambda kind, content: content)
    assert len(list(messages_of(whole, {"/geoloc/imu"}))) == 3
    lost = rewritten(bag, tmp_path / "lost.mcap", change)
    for reading in (
        lambda: list(messages_of(lost, {"/geoloc/imu"})),
        lambda: list(read_flight(lost).samples()),
        lambda: list(Playlist(lost, TopicChoice({})).messages(0)),
    ):
        with pytest.raises(BagError, match=r"states 3 messages .* without message index; .*`mcap recover"):
            reading()


def test_an_mcap_file_that_was_cut_off_names_the_command_that_mends_it(bag, tmp_path):
    data = next(bag.glob("*.mcap")).read_bytes()
    (tmp_path / "cut.mcap").write_bytes(data[: len(data) // 2])
    with pytest.raises(BagError, match=r"cannot be read as a bag .*`mcap recover cut\.mcap -o whole\.mcap`"):
        opened(tmp_path / "cut.mcap")


def test_a_damaged_recording_names_what_may_mend_it(bag):
    error = ValueError("Chunk checksum mismatch.")
    mend = "run `mcap recover flight.mcap -o whole.mcap`, or copy it again."
    remedies = {bag: mend, bag / "flight.mcap": mend, Path("a.db3"): "copy it again."}
    for path, remedy in remedies.items():
        said = f"{path} is truncated or damaged after 7 messages (Chunk checksum mismatch); {remedy}"
        assert str(damaged(path, 7, error)) == said


def test_a_folder_without_its_metadata_names_the_file_in_it(bag, tmp_path):
    folder = tmp_path / "flight"
    folder.mkdir()
    (folder / "flight.mcap").write_bytes(next(bag.glob("*.mcap")).read_bytes())
    with pytest.raises(BagError, match=r"metadata.*`ros2 bag reindex flight`, or give the file flight\.mcap"):
        opened(folder)
    assert read_flight(folder / "flight.mcap").image_count == 3


def restamped(bag, path, topics, stamp_ns=0):
    """Write a bag whose drivers never set the stamp of some topics."""
    with Reader(bag) as reader, Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {}
        for connection, time_ns, raw in reader.messages():
            message = ROS2.deserialize_cdr(raw, connection.msgtype)
            if connection.topic in topics:
                kind = "builtin_interfaces/msg/Time"
                message.header.stamp = ROS2.types[kind](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
            if connection.topic not in connections:
                kind = connection.msgtype
                connections[connection.topic] = writer.add_connection(connection.topic, kind, typestore=ROS2)
            raw = ROS2.serialize_cdr(message, connection.msgtype)
            writer.write(connections[connection.topic], time_ns, raw)
    return path


@pytest.mark.parametrize("stamp_ns", [0, 5_000_000_000])
def test_images_without_stamps_are_refused_unless_recording_times_are_asked_for(bag, tmp_path, stamp_ns):
    topic = "/geoloc/image/compressed"
    flight = read_flight(restamped(bag, tmp_path / "zero", {topic, "/geoloc/truth"}, stamp_ns))
    assert flight.unstamped == {topic, "/geoloc/truth"}
    assert "/geoloc/image/compressed, /geoloc/truth have no header.stamp" in flight.remarks()[0]
    frames = [sample for sample in flight.samples() if isinstance(sample, ImageSample)]
    assert {frame.refusal.reason for frame in frames} == {Reason.BAD_IMAGE}
    assert "fill it in, or give `geoloc evaluate` --recording-times" in frames[0].refusal.sentence
    wanted = [sample.stamp_ns for sample in read_flight(bag).samples() if isinstance(sample, ImageSample)]
    taken = [s for s in flight.samples(recording_times=True) if isinstance(s, ImageSample)]
    assert [(sample.stamp_ns, sample.refusal) for sample in taken] == [(stamp, None) for stamp in wanted]
    assert flight.truth().stamps_ns.tolist() == wanted


def test_an_imu_without_stamps_is_refused_and_the_camera_info_needs_none(bag, tmp_path):
    flight = read_flight(restamped(bag, tmp_path / "zero", {"/geoloc/imu", "/geoloc/camera_info"}))
    kinds = [type(sample).__name__ for sample in flight.samples()]
    assert (kinds.count("CameraSample"), kinds.count("AttitudeSample")) == (3, 0)
    (faulty, *_) = (sample for sample in flight.samples() if isinstance(sample, FaultySample))
    assert faulty.refusal.reason is Reason.BAD_ATTITUDE
    assert sum(isinstance(s, AttitudeSample) for s in flight.samples(recording_times=True)) == 3


def test_messages_from_before_the_clock_are_faulty_and_the_others_are_read(tmp_path, bag):
    flight = read_flight(bag)
    assert flight.unstamped == frozenset()
    assert flight.remarks() == []
    first = {"/geoloc/imu"}
    with Reader(bag) as reader, Writer(tmp_path / "early", version=9) as writer:
        for connection in [c for c in reader.connections if c.topic in {*first, "/geoloc/image/compressed"}]:
            new = writer.add_connection(connection.topic, connection.msgtype, typestore=ROS2)
            for count, (_, time_ns, raw) in enumerate(reader.messages([connection])):
                early = bytes(raw[:4]) + bytes(8) + bytes(raw[12:])
                writer.write(new, time_ns, early if connection.topic in first and count < 2 else bytes(raw))
    samples = list(read_flight(tmp_path / "early").samples())
    assert [type(s).__name__ for s in samples if not isinstance(s, ImageSample)] == [
        "AttitudeSample",
        "FaultySample",
        "AttitudeSample",
    ]
