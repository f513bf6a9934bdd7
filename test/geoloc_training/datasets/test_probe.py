# SPDX-License-Identifier: Apache-2.0
"""Unreadable images are recognized by their headers and ends."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from geoloc_training.datasets.probe import named, pictures_in, readable, unreadable
from small_trees import draw

NOISE = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".tif", ".JPG"])
def test_whole_pictures_are_readable_and_halves_are_not(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    cv2.imwrite(str(path), NOISE)
    assert path.stat().st_size > 70_000  # longer than what is read of it
    assert readable(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert not readable(path)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_whose_directory_comes_first_is_readable_as_long_as_its_pixels_are_there(
    tmp_path: Path, compression: str | None
) -> None:
    path = tmp_path / "picture.tif"
    Image.fromarray(NOISE).save(path, compression=compression)
    whole = path.read_bytes()
    assert readable(path)
    for part in (len(whole) - 1, len(whole) // 2, 9, 8, 5):
        path.write_bytes(whole[:part])
        assert not readable(path), part


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x89PNG\r\n\x1a\n", b"II*\x00"])
def test_what_is_no_picture_is_not_readable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert not readable(path)


def test_a_jpeg_whose_header_is_longer_than_what_is_read_first(tmp_path: Path) -> None:
    path = draw(tmp_path / "picture.jpg")
    thumbnail = b"\xff\xe1\xff\xff" + b"\x00" * 0xFFFD
    data = path.read_bytes()
    path.write_bytes(data[:2] + 2 * thumbnail + data[2:] + b"\x00" * 9000)
    assert cv2.imread(str(path)) is not None
    assert readable(path)


def test_a_picture_of_another_kind_than_its_name_says_is_readable(tmp_path: Path) -> None:
    assert readable(draw(tmp_path / "picture.png").rename(tmp_path / "picture.jpg"))


def test_the_first_bad_pictures_are_named_and_the_others_counted(tmp_path: Path) -> None:
    fine = draw(tmp_path / "fine.png")
    bad = [tmp_path / f"{number:02d}.png" for number in range(13)]
    bad[0].write_bytes(b"")
    found = unreadable([fine, *bad, bad[0]])
    assert len(found) == 11
    assert str(bad[0]) in found[0]
    assert found[-1].startswith("3 more")
    assert unreadable([fine]) == []


def test_pictures_come_by_name_and_other_files_do_not(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPEG", "notes.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in pictures_in(tmp_path)] == ["a.JPEG", "b.png"]
    assert pictures_in(tmp_path / "nowhere") == []


def test_a_long_list_of_names_is_cut() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named(list("abcdefg")) == "a, b, c, d, e and 2 more"
