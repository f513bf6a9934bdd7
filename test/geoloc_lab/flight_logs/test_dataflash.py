# SPDX-License-Identifier: Apache-2.0
"""Tests ArduPilot's DataFlash log: attitude in our axes, UTC by the receiver, height above home."""

import pytest

import log_files
from geoloc.errors import BagError
from geoloc_lab.flight_logs.dataflash import read_dataflash

pytest.importorskip("pymavlink")


def test_attitude_position_and_height_are_those_flown(tmp_path):
    log = read_dataflash(log_files.write_dataflash(tmp_path / "a.bin"))
    pose = log.at(log_files.START_UTC_S + 15.0)
    assert log_files.heading_of(pose.quaternion) == pytest.approx(
        90.0, abs=0.7
    )  # the clock is known to 0.1 s
    assert pose.latitude_deg == pytest.approx(log_files.latitude(15.0), abs=2e-6)
    assert (pose.height_m, log.height_is) == (pytest.approx(50.0), "above home")


@pytest.mark.parametrize("content", [b"", b"\xa3\x95\x80", b"no log at all" * 20])
def test_a_file_that_is_no_log_is_refused(tmp_path, content):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(BagError, match=r"a\.bin "):
        read_dataflash(tmp_path / "a.bin")
