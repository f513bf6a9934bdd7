# SPDX-License-Identifier: Apache-2.0
"""Tests photos beside a log of the autopilot: attitude by time, and a log of another flight."""

from datetime import datetime, timezone

import pytest

import log_files
import photo_folder
from geoloc.errors import BagError
from geoloc_lab.photo_flights.folder import find_flights
from geoloc_lab.photo_flights.photo_flight import read_photo_flight

pytest.importorskip("pyulog")

SECONDS = (15, 30, 45)


def write_folder(tmp_path, *, ahead_h=2, position=None):
    """Write a flight of three photos without XMP beside a ULog, with the camera on local time."""
    folder = photo_folder.write_folder(tmp_path)
    (folder / "queries.csv").unlink()
    for i, second in enumerate(SECONDS):
        local = datetime.fromtimestamp(log_files.START_UTC_S + second + 3600 * ahead_h, timezone.utc)
        path = folder / "images" / f"P{i}.JPG"
        photo_folder.write_photo(
            path, photo_folder.PLACES[i], taken=local.strftime("%Y:%m:%d %H:%M:%S"), position=position
        )
    log_files.write_ulog(folder / "log.ulg")
    return folder


def only(folder):
    return read_photo_flight(find_flights(folder)[0])


def test_attitude_height_and_place_come_from_the_log_by_time(tmp_path):
    write_folder(tmp_path)
    flight = only(tmp_path)
    for frame, second in zip(flight.frames, SECONDS, strict=True):
        assert log_files.heading_of(frame.quaternion) == pytest.approx(6.0 * second % 360.0, abs=0.01)
        assert frame.height_m == pytest.approx(50.0)
        assert frame.truth_latitude_deg == pytest.approx(log_files.latitude(second), abs=1e-9)
    assert "attitude of 3 of 3 photos, with the camera's clock +2 h ahead of UTC" in flight.remarks[0]


def test_a_log_that_has_the_drone_elsewhere_is_refused(tmp_path):
    write_folder(tmp_path, position=(47.5, 8.545594))
    with pytest.raises(BagError, match=r"log\.ulg has the drone 1\d+ m from where the photos were taken"):
        only(tmp_path)


def test_a_log_of_another_time_is_refused(tmp_path):
    write_folder(tmp_path, ahead_h=0.2)
    with pytest.raises(BagError, match=r"log\.ulg has no attitude at the times of the photos; give the log"):
        only(tmp_path)


@pytest.mark.parametrize("gimbal", [(0.0, -90.0, 0.0, 50.0), None])
def test_a_log_that_is_not_needed_and_does_not_fit_is_told(tmp_path, gimbal):
    folder = photo_folder.write_folder(tmp_path, gimbal=gimbal)
    (folder / "log.bin").write_bytes(b"no log")
    flight = only(tmp_path)
    assert len(flight.frames) == 3
    assert "log.bin" in flight.remarks[0]
