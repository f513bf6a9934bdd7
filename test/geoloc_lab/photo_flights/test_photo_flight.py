# SPDX-License-Identifier: Apache-2.0
"""Tests flights of mixed photos: each that cannot be used is left out with a sentence, the others fly."""

import shutil

import numpy as np
import pytest

import photo_folder
from geoloc.errors import BagError
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.photo_flight import read_photo_flight
from geoloc_lab.photo_flights.photos import read_photo

LEVEL = (0.0, -90.0, 0.0, 50.0)


def only(folder):
    return read_photo_flight(find_flights(folder)[0])


def without_table(tmp_path, **photo):
    folder = photo_folder.write_folder(tmp_path, gimbal=LEVEL, **photo)
    (folder / "queries.csv").unlink()
    for i, place in enumerate(photo_folder.PLACES):
        at = tuple(float(v) for v in photo_folder.FRAME.to_geodetic(*place))
        taken = f"2020:01:02 03:04:{5 * i:02d}"
        path = folder / "images" / f"P{i}.JPG"
        photo_folder.write_photo(path, place, taken=taken, gimbal=LEVEL, position=at, **photo)
    return folder


def test_a_folder_of_photos_without_a_table_takes_the_recorded_positions_for_truth(tmp_path):
    without_table(tmp_path)
    flight = only(tmp_path)
    found = [(frame.truth_latitude_deg, frame.truth_longitude_deg) for frame in flight.frames]
    wanted = [photo_folder.FRAME.to_geodetic(*place) for place in photo_folder.PLACES]
    np.testing.assert_allclose(found, np.array(wanted, dtype=float), atol=1e-8)
    assert flight.notes["truth"] == "positions in the photos, by the drone's GNSS"
    assert {frame.height_m for frame in flight.frames} == {50.0}


def test_each_broken_photo_gets_a_sentence_and_the_others_fly(tmp_path):
    images = without_table(tmp_path) / "images"
    whole = images / "P0.JPG"
    shutil.copy(whole, images / "P0 (1).JPG")
    (images / "Q1.JPG").write_bytes(whole.read_bytes()[:-300])
    (images / "Q2.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
    photo_folder.write_photo(images / "Q3.JPG", taken="")
    photo_folder.write_photo(images / "Q4.JPG")
    (images / "Q5.JPG").write_bytes(b"")
    flight = only(tmp_path)
    assert len(flight.frames) == 3
    told = "\n".join(flight.remarks)
    for name, words in (
        ("P0.JPG", "is a copy of P0 (1).JPG"),
        ("Q1.JPG", "is truncated or damaged"),
        ("Q2.HEIC", "convert it to JPEG"),
        ("Q3.JPG", "does not say when it was taken"),
        ("Q4.JPG", "has no height"),
        ("Q5.JPG", "cannot be read as a photo"),
    ):
        assert any(name in line and words in line for line in told.splitlines()), (name, told)


def test_many_photos_with_one_fault_share_a_sentence(tmp_path):
    images = without_table(tmp_path) / "images"
    for i in range(9):
        (images / f"X{i}.JPG").write_bytes(b"")
    told = [remark for remark in only(tmp_path).remarks if "left out" in remark]
    assert len(told) == 2
    assert told[1] == "left out: 8 more files, for the same reason."


def test_a_row_of_the_table_without_its_photo_does_not_stop_the_others(tmp_path):
    folder = photo_folder.write_folder(tmp_path, gimbal=LEVEL)
    (folder / "images" / "P1.JPG").unlink()
    flight = only(tmp_path)
    assert [frame.photo.path.name for frame in flight.frames] == ["P0.JPG", "P2.JPG"]
    assert "P1.JPG cannot be read as a photo" in flight.remarks[0]


def test_without_any_usable_photo_the_first_sentence_is_told(tmp_path):
    folder = photo_folder.write_folder(tmp_path)
    for path in (folder / "images").iterdir():
        path.write_bytes(b"")
    with pytest.raises(
        BagError, match=r"none of the 3 photos of toy_flight can be used\. The first: .*P0\.JPG"
    ):
        only(tmp_path)


def test_the_gimbals_heading_is_corrected_for_the_flight(tmp_path):
    photo_folder.write_folder(tmp_path, gimbal=(-40.0, -90.0, 0.0, 50.0), flight_yaw=2.0)
    flight = only(tmp_path)
    assert "GimbalYawDegree is wrong by a constant (-42 degrees" in flight.remarks[0]
    assert len(flight.remarks) == 1  # the corrected heading agrees with the table


def test_a_camera_without_calibration_gets_its_lens_from_exif(tmp_path):
    folder = photo_folder.write_folder(tmp_path, gimbal=LEVEL, focal_35mm=24.0)
    (tmp_path / "calibration" / "cameras.json").unlink()
    flight = only(tmp_path)
    lens = flight.frames[0].intrinsics
    assert lens.matrix[0, 0] == pytest.approx(24.0 / 43.27 * np.hypot(64, 64), rel=1e-3)
    assert "has no calibration" in flight.remarks[0]
    assert flight.errors == {}
    assert read_photo(folder / "images" / "P0.JPG").focal_35mm == 24.0
