# SPDX-License-Identifier: Apache-2.0
"""The toy flight as `ros2 bag record -a` keeps it: with what geoloc's nodes published."""

import numpy as np
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

import toy_flight
from geoloc.nodes.topic_names import PUBLISHED

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, FIX = PUBLISHED["view/image"], PUBLISHED["fix"]


def header(stamp_ns, frame_id):
    stamp = STORE.types["builtin_interfaces/msg/Time"](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return STORE.types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def answer(stamp_ns, frame_id="camera_optical", service=0, covariance_type=3):
    status = STORE.types["sensor_msgs/msg/NavSatStatus"](status=0, service=service)
    place = {"latitude": 47.01, "longitude": 8.0, "altitude": float("nan")}
    covariance = {"position_covariance": np.eye(3).ravel(), "position_covariance_type": covariance_type}
    return STORE.types[FIX](header=header(stamp_ns, frame_id), status=status, **place, **covariance)


def picture(stamp_ns, encoding, shape):
    values = {"height": shape[0], "width": shape[1], "encoding": encoding, "is_bigendian": 0}
    data = np.zeros(shape[0] * shape[1] * shape[2], np.uint8)
    frame = header(stamp_ns, "camera_optical")
    return STORE.types[IMAGE](header=frame, step=shape[1] * shape[2], data=data, **values)


def record_all(folder, more, **flight):
    """Write the toy flight beside further topics; each is (topic, type, function of a stamp)."""
    plain = toy_flight.write_flight(folder / "plain", count=3, **flight)
    with Reader(plain) as reader, Writer(folder / "all", version=9, storage_plugin=StoragePlugin.MCAP) as out:
        names = {}
        for connection, time_ns, raw in reader.messages():
            name = connection.topic
            if name not in names:
                names[name] = out.add_connection(name, connection.msgtype, typestore=STORE)
            out.write(names[name], time_ns, raw)
        for topic, kind, made in more:
            connection = out.add_connection(topic, kind, typestore=STORE)
            for second in range(3):
                stamp_ns = (toy_flight.START_S + second) * 10**9
                out.write(connection, stamp_ns + 10**7, STORE.serialize_cdr(made(stamp_ns), kind))
    return folder / "all"


SUITE = (
    ("/geoloc/view/image", IMAGE, lambda stamp: picture(stamp, "rgb8", (32, 32, 3))),
    ("/geoloc/descriptor", IMAGE, lambda stamp: picture(stamp, "32FC1", (1, 8, 4))),
    ("/geoloc/fix", FIX, answer),
)
