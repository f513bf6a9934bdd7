# SPDX-License-Identifier: Apache-2.0
"""Topics of a bag and the names they are played under, and the errors of damaged bags."""

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2: source it, or run make setup")

import contextlib
from pathlib import Path

from sensor_msgs.msg import Image, NavSatFix
from std_msgs.msg import Bool, Float64

from geoloc.errors import BagError, ParameterError
from geoloc_lab.bags.playlist import Playlist, TopicChoice
from recording import FRAMES, START_NS, flight, write_bag

GUESS = TopicChoice({})
NAMES = {
    "/drone/camera/image_raw": "image",
    "/drone/camera/camera_info": "camera_info",
    "/drone/imu": "imu",
    "/drone/range": "altitude",
    "/drone/gnss": "truth",
}


@pytest.fixture(scope="module", params=[True, False], ids=["mcap", "sqlite3"])
def bag(request, tmp_path_factory):
    return write_bag(tmp_path_factory.mktemp("bags") / "flight", flight(), mcap=request.param)


def names(playlist):
    playlist.close()
    return {topic.source: topic.target for topic in playlist.topics}


def test_topics_are_found_by_their_types(bag):
    assert names(Playlist(bag, GUESS)) == NAMES


def test_a_file_without_its_folder_is_a_bag_too(bag):
    (file,) = (path for path in bag.iterdir() if path.suffix in (".mcap", ".db3"))
    assert names(Playlist(file, GUESS)) == NAMES


def with_height(topic, kind, message):
    """Yield a flight whose Range is replaced by another height, and one more of that type elsewhere."""
    for entry in flight(2):
        yield (topic, kind, entry[2], message) if entry[0] == "/drone/range" else entry
        if entry[0] == "/drone/range":
            yield ("/elsewhere", kind, *entry[2:3], message)


def test_a_number_is_played_as_altitude_if_it_has_the_name(tmp_path):
    height = ("std_msgs/msg/Float64", Float64(data=100.0))
    bag = write_bag(tmp_path / "named", with_height("/drone/altitude", *height))
    played = names(Playlist(bag, GUESS))
    assert played["/drone/altitude"] == "altitude"
    assert "/elsewhere" not in played
    assert "altitude" not in names(Playlist(write_bag(tmp_path / "other", with_height("/a", *height)), GUESS))


def test_messages_come_in_time_order_and_whole(bag):
    playlist = Playlist(bag, GUESS)
    played = list(playlist.messages(playlist.start_ns))
    assert len(played) == 5 * FRAMES
    times = [time_ns for _, time_ns, _ in played]
    assert times == sorted(times)
    assert (playlist.start_ns, playlist.end_ns) == (times[0], times[-1])
    assert {topic.kind for topic, _, _ in played} >= {Image, NavSatFix}
    later = list(playlist.messages(START_NS + 300_000_000))
    assert 0 < len(later) < len(played)
    playlist.close()


def test_a_rename_wins_over_the_guess(bag):
    choice = TopicChoice.of(["/drone/gnss:=fix_of_the_receiver", ""])
    assert names(Playlist(bag, choice))["/drone/gnss"] == "fix_of_the_receiver"


def test_recorded_names_can_be_kept(bag):
    assert names(Playlist(bag, TopicChoice({"/drone/imu": "imu"}, keep_names=True))) == {
        **{topic: topic for topic in NAMES},
        "/drone/imu": "imu",
    }


@pytest.mark.parametrize("text", ["/imu", ":=imu", "/imu:=", "a:=b:=c"])
def test_a_malformed_rename_is_refused(text):
    with pytest.raises(ParameterError, match="is not a rename"):
        TopicChoice.of([text])


def test_a_topic_that_the_bag_lacks_is_refused(bag):
    with pytest.raises(BagError, match="has no topic /cam9; its topics: /drone/camera/camera_info"):
        Playlist(bag, TopicChoice({"/cam9": "image"}))


def two_of(kind, topic, more):
    for entry in flight(2):
        yield entry
        if entry[1] == kind:
            yield (topic, *entry[1:])
    yield from more


def test_two_cameras_must_be_chosen_from(tmp_path):
    bag = write_bag(tmp_path / "two", two_of("sensor_msgs/msg/Image", "/right/image_raw", ()))
    with pytest.raises(BagError, match=r"several topics of type sensor_msgs/msg/Image .*:=image"):
        Playlist(bag, GUESS)
    chosen = names(Playlist(bag, TopicChoice({"/right/image_raw": "image"})))
    assert chosen["/right/image_raw"] == "image"
    assert "/drone/camera/image_raw" not in chosen


def test_two_truth_topics_are_not_played_unless_one_has_the_name(tmp_path):
    bag = write_bag(tmp_path / "two", two_of("sensor_msgs/msg/NavSatFix", "/other/gnss", ()))
    playlist = Playlist(bag, GUESS)
    assert "truth" not in names(playlist).values()
    assert "truth is not played: several topics have its type" in playlist.notes[0]
    bag = write_bag(tmp_path / "named", two_of("sensor_msgs/msg/NavSatFix", "/rtk/truth", ()))
    assert names(Playlist(bag, GUESS))["/rtk/truth"] == "truth"


def test_a_topic_whose_type_cannot_be_imported_is_not_played(bag, monkeypatch):
    import importlib

    real = importlib.import_module

    def without_sensors(name):
        if name == "sensor_msgs.msg":
            raise ImportError(name)
        return real(name)

    monkeypatch.setattr(importlib, "import_module", without_sensors)
    with pytest.raises(BagError, match="has no topic that"):
        Playlist(bag, GUESS)


def test_a_bag_without_a_usable_topic_is_refused(tmp_path):
    bag = write_bag(tmp_path / "door", [("/door", "std_msgs/msg/Bool", START_NS, Bool(data=True))])
    with pytest.raises(BagError, match=r"has no topic that geoloc's nodes subscribe to .its topics: /door"):
        Playlist(bag, GUESS)
    assert names(Playlist(bag, TopicChoice({}, keep_names=True))) == {"/door": "/door"}


def test_a_missing_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="there is no bag at"):
        Playlist(tmp_path / "nowhere", GUESS)


def test_a_folder_that_is_no_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="is an empty folder"):
        Playlist(tmp_path, GUESS)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(BagError, match="cannot be read as a bag"):
        Playlist(tmp_path, GUESS)


def test_an_empty_bag_is_refused(tmp_path):
    with pytest.raises(BagError, match="holds no messages"):
        Playlist(write_bag(tmp_path / "empty", []), GUESS)


def test_a_file_that_is_no_bag_is_refused(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BagError, match="cannot be read as a bag"):
        Playlist(file, GUESS)


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.1, 0.5, 0.9, 0.99])
def test_a_truncated_bag_is_refused_wherever_it_is_cut(bag, tmp_path, keep):
    cut = copy_of(bag, tmp_path, lambda data: data[: int(len(data) * keep)])
    with pytest.raises(BagError, match=r"cannot be read as a bag|damaged after|holds no messages"):
        play_all(cut)


@pytest.mark.parametrize("seed", range(40))
def test_a_scrambled_bag_plays_or_raises_bag_error(bag, tmp_path, seed):
    import random

    def scrambled(data):
        rng, changed = random.Random(seed), bytearray(data)
        for _ in range(20):
            changed[rng.randrange(rng.choice((3000, len(changed))))] = rng.randrange(256)
        return bytes(changed)

    with contextlib.suppress(BagError):
        play_all(copy_of(bag, tmp_path, scrambled))


def copy_of(bag, folder, change):
    copy = folder / bag.name
    copy.mkdir()
    for path in bag.iterdir():
        data = path.read_bytes()
        (copy / path.name).write_bytes(data if path.name == "metadata.yaml" else change(data))
    return Path(copy)


def play_all(bag):
    playlist = Playlist(bag, GUESS)
    for _ in playlist.messages(playlist.start_ns):
        pass
    playlist.close()
