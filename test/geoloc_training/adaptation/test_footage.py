# SPDX-License-Identifier: Apache-2.0
"""Footage cut into views: bags and folders, with and without poses, and the frames that are left out."""

import csv
import shutil

import cv2
import numpy as np
import pytest

import photo_folder
import toy_flight
from geoloc.camera import messages
from geoloc.camera.rig import CameraRig, RigSettings
from geoloc.errors import BagError, ParameterError
from geoloc_lab.bags.playback import feed, frames_when_ready
from geoloc_lab.bags.reading import ImageSample, read_flight
from geoloc_lab.bags.topic_choice import Topics
from geoloc_training.adaptation.footage import FootageOptions, cut_footage
from geoloc_training.adaptation.headings import HeadingSearch
from geoloc_training.adaptation.recordings import ReadingOptions, open_recording
from geoloc_training.adaptation.view_files import write_view
from geoloc_training.adaptation.warping import POSED, SCALED, TURNED, Assumptions
from geoloc_training.datasets.image_files import read_picture
from geoloc_training.datasets.region import FrameRow
from recorded_all import SUITE, record_all

VIEW_M, VIEW_PX = 40.0, 32
RIG = RigSettings(VIEW_M, VIEW_PX)
DESCRIBE = toy_flight.PixelEncoder().describe
ALIKE = 0.9  # the toy ground's views 10 m apart; frames of the toy flight are 20 m apart


def _cut(tmp_path, *footage, assumed=None, every_s=0.0, alike=ALIKE, choose=lambda views: 0, **reading):
    reading = ReadingOptions(RIG, assumed or Assumptions(), **reading)
    recordings = [open_recording(path, reading) for path in footage]
    options = FootageOptions(VIEW_M, alike, every_s)
    root = tmp_path / "views"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    report = cut_footage(recordings, options, DESCRIBE, choose, root, progress=False)
    with (root / "frames.csv").open(newline="") as file:
        rows = [FrameRow(**{**row, "stamp_ns": int(row["stamp_ns"])}) for row in csv.DictReader(file)]
    return report, rows, [read_picture(root / "frames" / row.file) for row in rows]


def _flown(bag):
    """Return the views as in flight."""
    rig = CameraRig(RIG)
    frames = frames_when_ready(read_flight(bag).samples(), lambda sample: feed(rig, sample), rig.ready)
    return [rig.view(frame.stamp_ns, messages.decode_image(frame.message)).image for frame in frames]


def _apart(one, other):
    return np.abs(np.asarray(one, float) - np.asarray(other, float)).mean()


def test_views_of_a_bag_equal_those_in_flight(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag")
    report, rows, pictures = _cut(tmp_path, bag)
    assert (report.looked_at, report.kept, report.refused) == (6, {POSED: 6}, {})
    assert [row.stamp_ns for row in rows] == [(toy_flight.START_S + i) * 10**9 for i in range(6)]
    assert {row.source for row in rows} == {str(bag)}
    assert _apart(pictures, _flown(bag)) < 2.0  # JPEG's error
    assert report.sentences() == ["6 views from 6 frames."]


def test_positions_make_no_difference(tmp_path):
    known, unknown = toy_flight.write_flight(tmp_path / "known"), tmp_path / "unknown"
    toy_flight.write_flight(unknown, truth=False)
    assert np.array_equal(_cut(tmp_path, known)[2], _cut(tmp_path, unknown)[2])


@pytest.mark.parametrize(
    ("left_out", "kind"),
    [
        (("altitude",), SCALED),
        (("camera_info",), SCALED),
        (("imu",), TURNED),
        (("imu", "altitude"), TURNED),
    ],
)
def test_frames_without_a_pose_take_the_stated_footprint(tmp_path, left_out, kind):
    bag = toy_flight.write_flight(tmp_path / "bag", leave_out=left_out)
    report, _, pictures = _cut(tmp_path, bag, assumed=Assumptions(footprint_m=toy_flight.FOOTPRINT_M))
    assert report.kept == {kind: 6}
    assert report.fallback_m is None
    # The toy drone looks straight down and flies north, as assumed.
    assert _apart(pictures, _flown(toy_flight.write_flight(tmp_path / "whole"))) < 3.0
    assert any("6 views were" in sentence for sentence in report.sentences())


def test_an_assumed_height_makes_posed_views_of_calibrated_frames(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", leave_out=("altitude",))
    _, _, pictures = _cut(tmp_path, bag, assumed=Assumptions(height_m=toy_flight.HEIGHT_M))
    assert _apart(pictures, _flown(toy_flight.write_flight(tmp_path / "whole"))) < 2.0


def test_a_topic_can_be_left_out(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", imu=(0.0, 0.0, 0.0, 1.0))
    wrong = _cut(tmp_path, bag)[2]
    report, _, pictures = _cut(tmp_path, bag, topics=Topics(imu=""))
    assert report.kept == {TURNED: 6}
    assert _apart(wrong, pictures) > 10
    assert _apart(pictures, _flown(toy_flight.write_flight(tmp_path / "whole"))) < 3.0


def test_unknown_footprints_take_the_median_of_the_known_ones(tmp_path):
    posed = toy_flight.write_flight(tmp_path / "posed")
    bare = toy_flight.write_flight(
        tmp_path / "bare",
        leave_out=("altitude", "camera_info"),
        track=[(-60.0 + 20 * i, 40.0) for i in range(5)],
    )
    report, rows, pictures = _cut(tmp_path, bare, posed)
    assert report.kept == {POSED: 6, SCALED: 5}
    assert report.fallback_m == pytest.approx(toy_flight.FOOTPRINT_M)
    assert "60 m along their shorter side (the median of the other frames)" in report.sentences()[-1]
    assert [row.source for row in rows] == [str(bare)] * 5 + [str(posed)] * 6
    true = toy_flight.toy_map.ToyRaster().view(-60.0, 40.0, VIEW_M, VIEW_PX)[0]
    assert _apart(pictures[0], true) < 3.0


def test_without_known_footprints_a_view_is_four_fifths_of_a_frame(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", leave_out=("imu", "altitude", "camera_info"))
    report = _cut(tmp_path, bag)[0]
    assert report.fallback_m == pytest.approx(VIEW_M / 0.8)
    assert "so that a view is 80% of it" in report.sentences()[-1]


@pytest.mark.parametrize("height_m", [float("nan"), -3.0])
def test_invalid_samples_are_ignored(tmp_path, height_m):
    bag = toy_flight.write_flight(tmp_path / "bag", height_m=height_m)
    assert _cut(tmp_path, bag)[0].kept == {SCALED: 6}


def test_frames_that_show_hardly_anything_new_are_left_out(tmp_path):
    slow = [(-50.0 + 5.0 * i, 0.0) for i in range(12)]
    report, rows, _ = _cut(tmp_path, toy_flight.write_flight(tmp_path / "bag", track=slow))
    assert 3 <= report.views <= 7
    assert report.still == 12 - report.views
    assert rows[0].stamp_ns == toy_flight.START_S * 10**9


def test_duplicates_are_left_out_wherever_they_lie(tmp_path):
    there_and_back = [(-40.0, 0.0), (0.0, 0.0), (40.0, 0.0), (0.0, 0.0), (-40.0, 0.0)]
    report = _cut(tmp_path, toy_flight.write_flight(tmp_path / "bag", track=there_and_back))[0]
    assert (report.views, report.duplicates) == (3, 2)
    assert "left out: 2 duplicates" in report.sentences()[0]


def test_frames_of_a_bag_can_be_looked_at_now_and_then(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag")
    report, rows, _ = _cut(tmp_path, bag, every_s=2.0)
    assert report.looked_at == 3
    assert [row.stamp_ns // 10**9 - toy_flight.START_S for row in rows] == [0, 2, 4]


def test_no_usable_frame_is_a_sentence_with_the_reasons(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", height_m=2.0)
    with pytest.raises(BagError, match=r"none of 6 frames .* \(6 bad_height\); .*: the height is 2\.0 m"):
        _cut(tmp_path, bag)
    small = Assumptions(footprint_m=5.0)
    with pytest.raises(BagError, match="6 low_coverage"):
        _cut(tmp_path, toy_flight.write_flight(tmp_path / "b", leave_out=("altitude",)), assumed=small)


def _pictures(folder, count=4):
    folder.mkdir()
    ground = toy_flight.toy_map.ToyRaster()
    for number in range(count):
        picture = ground.view(-40.0 + 25 * number, 0.0, VIEW_M / 0.8, 64)[0]
        cv2.imwrite(str(folder / f"{number}.png"), picture[..., ::-1])
    return folder


def test_a_folder_of_plain_pictures_is_footage(tmp_path):
    folder = _pictures(tmp_path / "pictures")
    (folder / "4.png").write_bytes((folder / "3.png").read_bytes()[:99])
    (folder / "5.png").touch()
    shutil.copy(folder / "0.png", folder / "6.png")
    report, rows, pictures = _cut(tmp_path, folder)
    assert (report.kept, report.refused, report.duplicates) == ({TURNED: 4}, {"bad_image": 2}, 1)
    assert [row.name for row in rows] == ["0.png", "1.png", "2.png", "3.png"]
    assert _apart(pictures[0], toy_flight.toy_map.ToyRaster().view(-40.0, 0.0, VIEW_M, VIEW_PX)[0]) < 3.0


def test_a_flight_folder_has_the_poses_of_its_table(tmp_path):
    report, rows, pictures = _cut(tmp_path, photo_folder.write_folder(tmp_path))
    assert report.kept == {POSED: 3}
    assert [row.name for row in rows] == ["P0.JPG", "P1.JPG", "P2.JPG"]
    true = toy_flight.toy_map.ToyRaster().view(*photo_folder.PLACES[0], VIEW_M, VIEW_PX)[0]
    assert _apart(pictures[0], true) < 3.0


def test_headers_of_drone_photos_give_the_attitude(tmp_path):
    gimbal = (180.0, -90.0, 0.0, photo_folder.HEIGHT_M)
    folder = photo_folder.write_folder(tmp_path, gimbal=gimbal, turned=True) / "images"
    report, _, pictures = _cut(tmp_path, folder)
    assert report.kept == {POSED: 3}  # the calibration lies two folders up
    true = toy_flight.toy_map.ToyRaster().view(*photo_folder.PLACES[0], VIEW_M, VIEW_PX)[0]
    assert _apart(pictures[0], true) < 3.0
    (tmp_path / "calibration" / "cameras.json").unlink()
    footprint = Assumptions(footprint_m=photo_folder.FOOTPRINT_M)
    report, _, pictures = _cut(tmp_path, folder, assumed=footprint)
    assert report.kept == {SCALED: 3}
    assert _apart(pictures[0], true) < 3.0


def test_a_gimbal_heading_that_is_wrong_by_a_constant_is_corrected(tmp_path):
    gimbal = (140.0, -90.0, 0.0, photo_folder.HEIGHT_M)
    folder = photo_folder.write_folder(tmp_path, gimbal=gimbal, flight_yaw=180.0, turned=True) / "images"
    pictures = _cut(tmp_path, folder)[2]
    true = toy_flight.toy_map.ToyRaster().view(*photo_folder.PLACES[0], VIEW_M, VIEW_PX)[0]
    assert _apart(pictures[0], true) < 3.0


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "neither a bag"),
        (lambda path: path.mkdir(), "holds no images"),
        (lambda path: path.with_suffix(".mcap").write_bytes(b"no"), "cannot be read as a bag"),
    ],
)
def test_a_path_without_footage_is_refused(tmp_path, make, sentence):
    path = tmp_path / "thing"
    make(path)
    path = path.with_suffix(".mcap") if path.with_suffix(".mcap").exists() else path
    with pytest.raises(BagError, match=sentence):
        _cut(tmp_path, path)


def test_a_bag_without_images_is_refused(tmp_path):
    with pytest.raises(BagError, match="holds no images"):
        _cut(tmp_path, toy_flight.write_flight(tmp_path / "bag", leave_out=("image",)))


def test_the_views_that_geoloc_published_are_no_footage(tmp_path):
    bag = record_all(tmp_path, SUITE)
    report, _, pictures = _cut(tmp_path, bag)
    assert report.kept == {POSED: 3}
    assert _apart(pictures, _flown(toy_flight.write_flight(tmp_path / "flight", count=3))) < 2.0
    views_alone = record_all(tmp_path / "alone", SUITE, leave_out=("image",))
    with pytest.raises(BagError, match="holds no images of a camera"):
        _cut(tmp_path, views_alone)


def test_truncated_images_are_counted_and_not_learnt_from(tmp_path):
    folder = _pictures(tmp_path / "pictures")
    whole = cv2.imencode(".jpg", cv2.imread(str(folder / "1.png")))[1].tobytes()
    size = len(whole) * 2 // 3
    (folder / "1.jpg").write_bytes(whole[:size])  # OpenCV reads it, with a grey rest
    assert cv2.imread(str(folder / "1.jpg")) is not None
    report, rows, _ = _cut(tmp_path, folder)
    assert (report.kept, report.refused) == ({TURNED: 4}, {"bad_image": 1})
    assert report.example.endswith(
        f"1.jpg is a JPEG that is truncated after {len(whole) * 2 // 3} bytes; copy it again."
    )
    assert report.example in " ".join(report.sentences())
    assert "1.jpg" not in [row.name for row in rows]


def test_the_undistorted_images_of_a_bag_take_the_matrix_p(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag", raw_lens=toy_flight.RAW_LENS)
    flown = _flown(toy_flight.write_flight(tmp_path / "flight"))
    assert _apart(_cut(tmp_path, bag, rectified=True)[2], flown) < 2.0
    assert _apart(_cut(tmp_path, bag)[2], flown) > 5.0


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_assumptions_are_lengths(value):
    with pytest.raises(ParameterError, match="--footprint-m is"):
        Assumptions(footprint_m=value)
    with pytest.raises(ParameterError, match="--assumed-height-m is"):
        Assumptions(height_m=value)


def test_frames_come_when_the_samples_around_them_are_in(tmp_path):
    bag = toy_flight.write_flight(tmp_path / "bag")
    seen = []
    for frame in frames_when_ready(read_flight(bag).samples(), seen.append, lambda stamp_ns: False):
        assert isinstance(frame, ImageSample)
        assert max(sample.stamp_ns for sample in seen) >= frame.stamp_ns


@pytest.mark.parametrize("top_deg", [0, 90, 225])
def test_the_heading_is_found_by_the_map(tmp_path, top_deg):
    ground, folder = toy_flight.toy_map.ToyRaster(), tmp_path / "tiles"
    folder.mkdir()
    for number, (east, north) in enumerate((x, y) for x in (-40.0, 0.0, 40.0) for y in (-20.0, 20.0)):
        write_view(folder / f"{number:06d}.jpg", ground.view(east, north, VIEW_M, VIEW_PX)[0])
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    # The footprint is large enough for any rotation; the top of the image is at that heading.
    whole = ground.view(40.0, 20.0, 2 * VIEW_M, 256)[0]
    turn = cv2.getRotationMatrix2D((127.5, 127.5), top_deg, 1.0)
    cv2.imwrite(str(pictures / "a.png"), cv2.warpAffine(whole, turn, (256, 256))[..., ::-1])
    choose = HeadingSearch(DESCRIBE, folder, VIEW_PX)
    _, _, found = _cut(tmp_path, pictures, assumed=Assumptions(footprint_m=2 * VIEW_M), choose=choose)
    assert _apart(found[0], ground.view(40.0, 20.0, VIEW_M, VIEW_PX)[0]) < 5.0
