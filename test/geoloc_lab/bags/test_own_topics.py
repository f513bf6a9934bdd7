# SPDX-License-Identifier: Apache-2.0
"""What geoloc's nodes published in a recording of all topics is neither truth nor camera."""

import pytest

from geoloc.errors import BagError
from geoloc.nodes.topic_names import PUBLISHED
from geoloc_lab.bags.own_topics import own_topics
from geoloc_lab.bags.playlist import Playlist, TopicChoice
from geoloc_lab.bags.reading import read_flight
from geoloc_lab.bags.topic_choice import Topics
from recorded_all import FIX, IMAGE, SUITE, answer, record_all

DRONE = {
    "/cam/image": IMAGE,
    "/gps/fix": FIX,
    "/rtk/pose": PUBLISHED["pose"],
    "/ekf/state": PUBLISHED["state"],
}


@pytest.mark.parametrize("namespace", ["/geoloc", "/uav1", "/fleet/uav1/geoloc", ""])
def test_all_outputs_are_own_in_any_namespace_and_the_drones_topics_are_not(namespace):
    outputs = {f"{namespace}/{name}": kind for name, kind in PUBLISHED.items()}
    inputs = {f"{namespace}/image": IMAGE, f"{namespace}/truth": FIX, f"{namespace}/initial_fix": FIX}
    assert own_topics(outputs | inputs | DRONE) == set(outputs)


@pytest.mark.parametrize(
    ("topics", "own"),
    [
        ({"/geoloc/fix": FIX}, {"/geoloc/fix"}),
        ({"/uav1/fix": FIX, "/uav1/geopoint": PUBLISHED["geopoint"]}, {"/uav1/fix", "/uav1/geopoint"}),
        ({"/uav1/fix": FIX, "/uav1/descriptor": IMAGE}, {"/uav1/fix", "/uav1/descriptor"}),
        ({"/uav1/view/image/compressed": "sensor_msgs/msg/CompressedImage"}, {"/uav1/view/image/compressed"}),
        ({"/fix": FIX}, set()),
        ({"/gps/fix": FIX, "/gps/pose": PUBLISHED["pose"]}, set()),
        ({"/geoloc/fix": "std_msgs/msg/Bool"}, set()),
    ],
)
def test_few_outputs_are_told_from_a_receiver(topics, own):
    assert own_topics(topics) == own


def test_a_recording_of_all_topics_has_the_drones_camera_and_truth(tmp_path):
    bag = record_all(tmp_path, SUITE)
    flight = read_flight(bag)
    assert (flight.topics.image, flight.topics.truth) == ("/geoloc/image", "/geoloc/truth")
    playlist = Playlist(bag, TopicChoice({}))
    played = {topic.target: topic.source for topic in playlist.topics}
    playlist.close()
    assert (played["image"], played["truth"]) == ("/geoloc/image", "/geoloc/truth")
    assert playlist.notes == [
        "/geoloc/descriptor, /geoloc/fix, /geoloc/view/image are not played, because geoloc's own nodes "
        "published them."
    ]
    playlist = Playlist(bag, TopicChoice({}, keep_names=True))
    playlist.close()
    assert not {topic.source for topic in playlist.topics} & {topic for topic, _, _ in SUITE}


def test_without_gnss_the_recorded_answers_are_no_truth(tmp_path):
    bag = record_all(tmp_path, SUITE, truth=False)
    with pytest.raises(BagError, match=r"no sensor_msgs/NavSatFix .* own .*/geoloc/fix.* are none\)"):
        read_flight(bag).truth()
    with pytest.raises(BagError, match=r"/geoloc/fix in .* own nodes, so it cannot be truth"):
        read_flight(bag, Topics(truth="/geoloc/fix"))
    for name in ("truth", "/geoloc/truth"):
        with pytest.raises(BagError, match=rf"/geoloc/fix in .* own nodes, so it cannot be {name}"):
            Playlist(bag, TopicChoice({"/geoloc/fix": name}))
    playlist = Playlist(bag, TopicChoice({"/geoloc/fix": "fix_of_then"}))
    playlist.close()
    assert "fix_of_then" in {topic.target for topic in playlist.topics}


def test_without_a_camera_the_recorded_views_are_none(tmp_path):
    bag = record_all(tmp_path, SUITE, leave_out=("image",))
    with pytest.raises(BagError, match="holds no images of a camera"):
        read_flight(bag)
    with pytest.raises(BagError, match=r"/geoloc/view/image in .* own nodes, so it cannot be image"):
        read_flight(bag, Topics(image="/geoloc/view/image"))


@pytest.mark.parametrize(
    ("message", "is_truth"),
    [
        (answer, False),
        (lambda stamp: answer(stamp, frame_id="gps"), True),
        (lambda stamp: answer(stamp, service=1), True),
        (lambda stamp: answer(stamp, covariance_type=2), True),
    ],
)
def test_a_renamed_answer_is_known_by_its_content(tmp_path, message, is_truth):
    bag = record_all(tmp_path, [("/gps_replacement", FIX, message)], truth=False)
    assert read_flight(bag).topics.truth == ("/gps_replacement" if is_truth else "")


def test_a_hint_to_geoloc_is_a_truth_only_if_it_is_named(tmp_path):
    bag = record_all(
        tmp_path, [("/geoloc/initial_fix", FIX, lambda stamp: answer(stamp, "gps"))], truth=False
    )
    assert read_flight(bag).topics.truth == ""
    assert read_flight(bag, Topics(truth="/geoloc/initial_fix")).topics.truth == "/geoloc/initial_fix"
