# SPDX-License-Identifier: Apache-2.0
"""ROS for the tests of this folder: its own domain, this machine only, up once for all of them."""

import os

import pytest

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


@pytest.fixture(scope="session")
def ros():
    """ROS, up for the whole session; nothing where a test needs none."""
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
    """The three nodes that fly, in the namespace `geoloc`, over the little world's map."""
    from flying import fly

    return fly(spinner, "geoloc")


@pytest.fixture(scope="module")
def drone(spinner, suite):
    """Sensors in, answers out."""
    from flying import Drone

    sensors = spinner.add(Drone("geoloc"))
    sensors.await_suite()
    return sensors
