# SPDX-License-Identifier: Apache-2.0
"""Tests flights of video: frames at the times of their subtitles, and what is assumed without angles."""

import cv2
import numpy as np
import pytest

import photo_folder
import toy_map
from geoloc.errors import BagError
from geoloc_lab.photo_flights.attitude import body_quaternion, gimbal_rotation
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.photos import Gimbal
from geoloc_lab.photo_flights.video_flight import read_video_flight

RATE_HZ = 10
SECONDS = 3
ANGLES = "[gb_yaw: 0.0] [gb_pitch: -90.0] [gb_roll: 0.0] "


def write_video(folder, seconds=SECONDS):
    """Write a video whose picture is another one in each second: the toy ground at another place."""
    size = (photo_folder.SIZE_PX,) * 2
    writer = cv2.VideoWriter(str(folder / "DJI_0001.MP4"), cv2.VideoWriter_fourcc(*"mp4v"), RATE_HZ, size)
    for second in range(seconds):
        rgb = toy_map.ToyRaster().view(*place(second), photo_folder.FOOTPRINT_M, photo_folder.SIZE_PX)[0]
        for _ in range(RATE_HZ):
            writer.write(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    writer.release()


def place(second):
    return photo_folder.PLACES[second % 3]


def write_subtitles(
    folder, *, angles="", order=("latitude", "longitude"), height="[rel_alt: 50.000] ", gap_s=0.5
):
    lines = []
    for i in range(int(SECONDS / gap_s)):
        time_s = i * gap_s
        position = [f"{float(v):.7f}" for v in photo_folder.FRAME.to_geodetic(*place(int(time_s)))]
        where = " ".join(f"[{name}: {value}]" for name, value in zip(order, position, strict=True))
        milliseconds = round(time_s % 1.0 * 1000)
        lines.append(
            f"{i + 1}\n00:00:{int(time_s):02d},{milliseconds:03d} --> 00:00:{int(time_s):02d},999\n"
            f"2023-08-03 13:27:{int(time_s):02d},{milliseconds:03d}\n{where} {height}{angles}\n"
        )
    (folder / "DJI_0001.srt").write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    made = photo_folder.write_folder(tmp_path / "data")
    (made / "queries.csv").unlink()
    for photo in (made / "images").iterdir():
        photo.unlink()
    cameras = made.parent / "calibration" / "cameras.json"
    made.joinpath("calibration").mkdir()
    cameras.rename(made / "calibration" / "cameras.json")
    write_video(made)
    return made


def flight_of(folder):
    return read_video_flight(find_flights(folder.parent)[0], folder.parent.parent / "frames")


def test_videos_may_lie_among_the_images(folder):
    write_subtitles(folder)
    for path in list(folder.glob("DJI_*")):
        path.rename(folder / "images" / path.name)
    (found,) = find_flights(folder.parent)
    assert [video.name for video in found.videos] == ["DJI_0001.MP4"]


def test_a_frame_is_taken_at_each_second_with_the_place_of_its_subtitle(folder):
    write_subtitles(folder, angles=ANGLES)
    flight = flight_of(folder)
    assert len(flight.frames) == SECONDS
    for second, frame in enumerate(flight.frames):
        wanted = photo_folder.FRAME.to_geodetic(*place(second))
        assert (frame.truth_latitude_deg, frame.truth_longitude_deg) == pytest.approx(
            tuple(map(float, wanted)), abs=1e-7
        )
        ground = toy_map.ToyRaster().view(*place(second), photo_folder.FOOTPRINT_M, photo_folder.SIZE_PX)[0]
        seen = cv2.cvtColor(cv2.imread(str(frame.photo.path)), cv2.COLOR_BGR2RGB)
        assert np.abs(seen.astype(float) - ground).mean() < 12.0
    stamps_s = [frame.stamp_ns / 1e9 for frame in flight.frames]
    assert np.diff(stamps_s) == pytest.approx([1.0, 1.0])
    assert (flight.frames[0].height_m, flight.frames[0].intrinsics.matrix[0, 0]) == (
        50.0,
        photo_folder.FOCAL_PX,
    )
    assert (flight.errors, flight.remarks) == ({}, ())


def test_without_angles_every_heading_is_tried_and_said(folder):
    write_subtitles(folder)
    flight = flight_of(folder)
    assert flight.errors == {"heading_error_deg": 180.0}
    assert "no gimbal angles" in flight.remarks[0]
    down = body_quaternion(gimbal_rotation(Gimbal(0.0, -90.0, 0.0)))
    assert abs(np.dot(flight.frames[0].quaternion, down)) == pytest.approx(1.0)


def test_positions_whose_order_misses_the_map_are_exchanged_and_said(folder):
    write_subtitles(folder, angles=ANGLES, order=("longitude", "latitude"))
    flight = flight_of(folder)
    wanted = photo_folder.FRAME.to_geodetic(*place(0))
    found = (flight.frames[0].truth_latitude_deg, flight.frames[0].truth_longitude_deg)
    assert found == pytest.approx(tuple(map(float, wanted)), abs=1e-7)
    assert "the other way round" in flight.remarks[0]


def test_a_video_that_ends_before_its_subtitles_is_told(folder):
    write_subtitles(folder, angles=ANGLES)
    write_video(folder, seconds=2)
    flight = flight_of(folder)
    assert len(flight.frames) == 2
    assert "ends before its subtitles: 1 of 3 frames" in flight.remarks[0]


def test_subtitles_without_a_height_are_refused(folder):
    write_subtitles(folder, height="")
    with pytest.raises(
        BagError, match=r"DJI_0001\.srt has no height above take-off .*; add \[rel_alt: METRES\]"
    ):
        flight_of(folder)


def test_a_file_that_is_no_video_is_refused(folder):
    write_subtitles(folder)
    (folder / "DJI_0001.MP4").write_bytes(b"not a video")
    with pytest.raises(BagError, match=r"DJI_0001\.MP4 cannot be read as a video"):
        flight_of(folder)


def test_a_video_without_subtitles_is_no_flight_and_says_why(folder):
    with pytest.raises(BagError, match=r"DJI_0001\.MP4 has no subtitles: copy DJI_0001\.SRT beside it"):
        find_flights(folder.parent)


def test_without_a_calibration_the_focal_length_of_the_subtitles_serves(folder):
    write_subtitles(folder, angles=f"{ANGLES}[focal_len: 240] ")
    (folder / "calibration" / "cameras.json").unlink()
    flight = flight_of(folder)
    expected = 24.0 / 43.27 * np.hypot(photo_folder.SIZE_PX, photo_folder.SIZE_PX)
    assert flight.frames[0].intrinsics.matrix[0, 0] == pytest.approx(expected, rel=1e-6)
