# SPDX-License-Identifier: Apache-2.0
"""Tests PX4's ULog: attitude in our axes, UTC by the receiver, height above ground or take-off."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import log_files
from geoloc.errors import BagError
from geoloc_lab.flight_logs.ulog import read_ulog

pytest.importorskip("pyulog")


def test_attitude_position_and_height_are_those_flown(tmp_path):
    log = read_ulog(log_files.write_ulog(tmp_path / "a.ulg"))
    pose = log.at(log_files.START_UTC_S + 15.05)
    assert log_files.heading_of(pose.quaternion) == pytest.approx(90.3, abs=0.01)
    right_side_down = Rotation.from_quat(pose.quaternion).as_matrix()[2, 1]  # up part of the left axis
    assert np.degrees(np.arcsin(right_side_down)) == pytest.approx(log_files.BANK_DEG, abs=0.01)
    assert (pose.latitude_deg, pose.longitude_deg) == pytest.approx(
        (log_files.latitude(15.05), log_files.LONGITUDE_DEG), abs=1e-9
    )
    assert (pose.height_m, log.height_is) == (pytest.approx(50.0), "above take-off")


def test_a_distance_sensor_gives_the_height_above_ground(tmp_path):
    log = read_ulog(log_files.write_ulog(tmp_path / "a.ulg", distance=True))
    assert (log.at(log_files.START_UTC_S + 20.0).height_m, log.height_is) == (
        pytest.approx(51.0),
        "above ground",
    )


def test_outside_the_log_there_is_no_pose(tmp_path):
    log = read_ulog(log_files.write_ulog(tmp_path / "a.ulg"))
    assert log.at(log_files.START_UTC_S - 1.0) is None
    assert log.at(log_files.START_UTC_S + log_files.SECONDS) is None


def test_a_log_without_the_time_of_a_receiver_is_refused(tmp_path):
    with pytest.raises(BagError, match="has no time of a GNSS receiver with a fix"):
        read_ulog(log_files.write_ulog(tmp_path / "a.ulg", with_gps=False))


@pytest.mark.parametrize("content", [b"", b"ULog", b"not a log at all, but long enough to be one"])
def test_a_file_that_is_no_ulog_is_refused(tmp_path, content):
    (tmp_path / "a.ulg").write_bytes(content)
    with pytest.raises(BagError, match=r"a\.ulg "):
        read_ulog(tmp_path / "a.ulg")
