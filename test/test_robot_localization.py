# SPDX-License-Identifier: Apache-2.0
"""`config/robot_localization.yaml` holds only names and shapes that robot_localization knows.

The names were read from its source: branch ros2, commit 1cb953379378d13b3e0935ed73d0c7407bd80543, and branch
humble-devel, commit 72f9e936062a2a6b9a210a36ba5e554058191a92; only names of both are listed.
"""

import re
from pathlib import Path

import pytest
import yaml

FILE = Path(__file__).parents[1] / "config" / "robot_localization.yaml"
NAVSAT = {  # src/navsat_transform.cpp
    "broadcast_cartesian_transform",
    "broadcast_cartesian_transform_as_parent_frame",
    "datum",
    "delay",
    "frequency",
    "magnetic_declination_radians",
    "publish_filtered_gps",
    "transform_timeout",
    "use_local_cartesian",
    "use_odometry_yaw",
    "wait_for_datum",
    "yaw_offset",
    "zero_altitude",
}
EKF = {  # src/ros_filter.cpp
    "base_link_frame",
    "base_link_frame_output",
    "dynamic_process_noise_covariance",
    "frequency",
    "gravitational_acceleration",
    "history_length",
    "initial_state",
    "map_frame",
    "odom_frame",
    "permit_corrected_publication",
    "predict_to_current_time",
    "print_diagnostics",
    "publish_acceleration",
    "publish_tf",
    "reset_on_time_jump",
    "sensor_timeout",
    "smooth_lagged_data",
    "transform_time_offset",
    "transform_timeout",
    "two_d_mode",
    "world_frame",
}
SENSOR = {  # src/ros_filter.cpp, after the name of the sensor
    "odom": {
        "config",
        "differential",
        "relative",
        "queue_size",
        "pose_rejection_threshold",
        "twist_rejection_threshold",
    },
    "pose": {"config", "differential", "relative", "queue_size", "rejection_threshold"},
    "imu": {
        "config",
        "differential",
        "relative",
        "queue_size",
        "pose_rejection_threshold",
        "twist_rejection_threshold",
        "linear_acceleration_rejection_threshold",
        "remove_gravitational_acceleration",
    },
}
NODES = {"/**/ekf_of_pose": EKF, "/**/ekf_of_fix": EKF, "/**/navsat_transform": NAVSAT}
TREE = yaml.safe_load(FILE.read_text(encoding="utf-8"))
VARIABLES = 15  # x y z, roll pitch yaw, their velocities, accelerations of x y z


def sensors_of(parameters):
    """Return the sensors of an EKF, with their parameters by suffix; "" is the topic."""
    found = {}
    for name, value in parameters.items():
        match = re.fullmatch(r"((?:odom|pose|imu)\d+)(?:_(.+))?", name)
        if match:
            found.setdefault(match[1], {})[match[2] or ""] = value
    return found


def unknown_names(parameters, known):
    """Return the names that the node does not declare."""
    sensors = sensors_of(parameters) if known is EKF else {}
    suffixes = {f"{sensor}_{suffix}" for sensor in sensors for suffix in SENSOR[sensor.rstrip("0123456789")]}
    return set(parameters) - known - set(sensors) - suffixes


def test_it_has_the_sections_that_the_docs_start():
    assert set(TREE) == set(NODES)


@pytest.mark.parametrize("node", NODES)
def test_every_name_is_one_of_robot_localizations(node):
    assert unknown_names(TREE[node]["ros__parameters"], NODES[node]) == set()


def test_a_typo_is_found():
    assert unknown_names({"zero_altitud": True}, NAVSAT) == {"zero_altitud"}
    assert unknown_names({"pose0": "x", "pose0_configs": []}, EKF) == {"pose0_configs"}


@pytest.mark.parametrize("node", ["/**/ekf_of_pose", "/**/ekf_of_fix"])
def test_every_sensor_has_a_topic_and_a_switch_for_each_variable(node):
    sensors = sensors_of(TREE[node]["ros__parameters"])
    for name, parameters in sensors.items():
        assert isinstance(parameters[""], str)
        assert len(parameters["config"]) == VARIABLES
        assert set(parameters["config"]) <= {True, False}
        kind, number = name.rstrip("0123456789"), int(name[-1])
        assert all(f"{kind}{i}" in sensors for i in range(number))  # it stops at the first that is missing


def test_the_position_is_fused_as_it_is_and_nothing_that_geoloc_does_not_measure():
    pose = sensors_of(TREE["/**/ekf_of_pose"]["ros__parameters"])["pose0"]
    gps = sensors_of(TREE["/**/ekf_of_fix"]["ros__parameters"])["odom1"]
    for sensor in (pose, gps):
        assert [i for i, used in enumerate(sensor["config"]) if used] == [0, 1]
        assert not sensor["differential"]
        assert not sensor["relative"]
    assert (pose[""], gps[""]) == ("/geoloc/pose", "odometry/gps")
