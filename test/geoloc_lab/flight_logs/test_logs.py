# SPDX-License-Identifier: Apache-2.0
"""Tests how logs are found, and how the clock of a camera is compared with theirs."""

from datetime import timedelta

import pytest

import log_files
from geoloc.errors import BagError
from geoloc_lab.flight_logs.logs import find_logs, read_log, zone_of_camera

pytest.importorskip("pyulog")


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return read_log(log_files.write_ulog(tmp_path_factory.mktemp("log") / "a.ULG"))


def taken(ahead_h):
    return [log_files.START_UTC_S + ahead_h * 3600.0 + second for second in (12.0, 25.0, 50.0)]


@pytest.mark.parametrize("ahead_h", [0.0, 2.0, -5.0, 5.5])
def test_the_time_zone_of_the_camera_follows_from_the_log(log, ahead_h):
    assert zone_of_camera(taken(ahead_h), log) == timedelta(hours=ahead_h)


def test_photos_of_another_time_have_no_time_zone(log):
    assert zone_of_camera([log_files.START_UTC_S + 400.0], log) == timedelta(0)


def test_a_log_without_a_position_is_refused(tmp_path):
    pytest.importorskip("pymavlink")
    path = log_files.write_dataflash(tmp_path / "a.bin", with_position=False)
    with pytest.raises(BagError, match=r"a\.bin has no time with attitude, position and height"):
        read_log(path)


def test_logs_are_found_in_any_case(tmp_path):
    for name in ("a.ULG", "b.bin", "c.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_logs(tmp_path, tmp_path / "gone")] == ["a.ULG", "b.bin"]
