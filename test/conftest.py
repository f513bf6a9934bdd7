# SPDX-License-Identifier: Apache-2.0
"""ROS for the tests of this folder, initialized once, in a domain of its own on this machine."""

import os

import pytest

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture(scope="session")
def ros():
    """ROS, initialized for the whole session."""
    import rclpy

    rclpy.init(args=[])
    yield
    rclpy.shutdown()


@pytest.fixture(scope="module")
def spinner(ros):
    """Spins nodes in a thread; `spinner.add(node)`."""
    from flying import Spinner

    running = Spinner()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def suite(spinner):
    """The three flight nodes in the namespace `geoloc`, with the map of the small world."""
    from flying import fly

    return fly(spinner, "geoloc")


@pytest.fixture(scope="module")
def drone(spinner, suite):
    """Node that publishes sensors and records answers."""
    from flying import Drone

    sensors = spinner.add(Drone("geoloc"))
    sensors.await_suite()
    return sensors
