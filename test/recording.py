# SPDX-License-Identifier: Apache-2.0
"""Bags of the small world, written by rosbags from messages of rclpy."""

import math

from rclpy.serialization import serialize_message
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import NavSatFix, Range

from flying import HEIGHT_M, MAP, NORTH_UP, START_NS, camera_info, frame_at, imu
from geoloc.nodes import messages_out

STEP_NS = 50_000_000
FRAMES = 12


def place(index):
    """Return the drone's position, east and north, at a frame."""
    return 5.0 * index - 30.0, 20.0 - 3.0 * index


def flight(frames=FRAMES):
    """Yield topic, type, time and message of a short flight, sensors before frames."""
    for index in range(frames):
        stamp_ns = START_NS + index * STEP_NS
        yield "/drone/camera/camera_info", "sensor_msgs/msg/CameraInfo", stamp_ns, camera_info(stamp_ns)
        yield "/drone/imu", "sensor_msgs/msg/Imu", stamp_ns, imu(stamp_ns, NORTH_UP)
        height = Range(header=messages_out.header(stamp_ns, "range"), range=HEIGHT_M)
        yield "/drone/range", "sensor_msgs/msg/Range", stamp_ns, height
        latitude, longitude = (float(value) for value in MAP.frame.to_geodetic(*place(index)))
        truth = NavSatFix(
            header=messages_out.header(stamp_ns, "gnss"), latitude=latitude, longitude=longitude
        )
        truth.altitude = math.nan
        yield "/drone/gnss", "sensor_msgs/msg/NavSatFix", stamp_ns, truth
        picture = messages_out.rgb_image(stamp_ns, "camera", frame_at(*place(index)))
        yield "/drone/camera/image_raw", "sensor_msgs/msg/Image", stamp_ns + STEP_NS // 2, picture


def write_bag(path, messages, mcap=True):
    """Write a bag and return its folder."""
    types = get_typestore(Stores.ROS2_HUMBLE)
    plugin = StoragePlugin.MCAP if mcap else StoragePlugin.SQLITE3
    connections = {}
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        for topic, kind, time_ns, message in messages:
            if topic not in connections:
                known = kind if kind in types.fielddefs else "std_msgs/msg/Bool"
                connections[topic] = writer.add_connection(topic, known, typestore=types)
            writer.write(connections[topic], time_ns, bytes(serialize_message(message)))
    return path
