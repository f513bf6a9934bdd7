# SPDX-License-Identifier: Apache-2.0
"""Tests what a photo's header says of place and clock, and photos that are broken or of foreign formats."""

from datetime import timedelta

import pytest
from PIL import Image

import photo_folder
from geoloc.errors import BagError
from geoloc_lab.photo_flights.photos import check_whole, read_photo


def with_exif(path, details, gps=None):
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x9003: "2023:08:03 13:27:47"} | details)
    exif.get_ifd(0x8825).update(gps or {})
    Image.new("RGB", (64, 48), "green").save(path, exif=exif)
    return path


@pytest.mark.parametrize("place", [(4.7112721, -74.0663867), (-33.9, 151.2), (46.84260708, 0.0)])
def test_a_position_in_exif_is_read_with_its_hemisphere(tmp_path, place):
    photo = read_photo(photo_folder.write_photo(tmp_path / "a.jpg", position=place))
    assert photo.position_deg == pytest.approx(place, abs=1e-7)


def test_a_receiver_without_a_fix_gives_no_position(tmp_path):
    assert read_photo(photo_folder.write_photo(tmp_path / "a.jpg", position=(0.0, 0.0))).position_deg is None


def test_the_clock_is_compared_with_exif_or_with_the_receiver(tmp_path):
    stated = with_exif(tmp_path / "a.jpg", {0x9011: "-05:00"})
    assert read_photo(stated).ahead_of_utc == timedelta(hours=-5)
    in_utc = with_exif(tmp_path / "u.jpg", {0x9011: "+00:00"})
    assert read_photo(in_utc).ahead_of_utc == timedelta(0)
    received = {0x1D: "2023:08:03", 0x07: (7.0, 57.0, 45.0)}
    assert read_photo(with_exif(tmp_path / "b.jpg", {}, received)).ahead_of_utc == timedelta(hours=5.5)
    assert read_photo(with_exif(tmp_path / "c.jpg", {})).ahead_of_utc is None


def test_a_truncated_photo_is_named(tmp_path):
    path = photo_folder.write_photo(tmp_path / "a.jpg")
    check_whole(path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(BagError, match=r"a\.jpg is truncated or damaged .*; copy it again\."):
        check_whole(path)


def test_a_photo_of_two_pictures_is_its_first(tmp_path):
    first = Image.open(photo_folder.write_photo(tmp_path / "a.jpg"))
    exif, second = first.getexif(), Image.new("RGB", (32, 32))
    first.save(tmp_path / "b.jpg", format="MPO", save_all=True, append_images=[second], exif=exif)
    photo = read_photo(tmp_path / "b.jpg")
    check_whole(photo.path)
    assert (photo.width, photo.height) == (64, 64)


@pytest.mark.parametrize("name", ["a.HEIC", "b.dng"])
def test_a_format_that_opencv_does_not_decode_names_the_remedy(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic")
    with pytest.raises(BagError, match="convert it to JPEG"):
        read_photo(tmp_path / name)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xe1\x00\x08Exif\0\0", b"\x89PNG\r\n\x1a\n"]
)
def test_files_without_a_picture_are_told_in_a_sentence(tmp_path, content):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BagError, match="cannot be read as a photo"):
        read_photo(tmp_path / "a.jpg")
