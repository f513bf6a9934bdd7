#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A camera driver that publishes as a live drone's does, with stamps of now: pictures and `camera_info`.

The pictures are those of a drone on the loop of `loop.py`. They are made beforehand, so that publishing is
cheap. The drone's other sensors come from autopilot.py, a process of its own as on a drone.

PYTHONPATH=src .venv/bin/python tools/live/camera.py --encoding jpeg --rate 5
    --size 1280x720 --encoding rgb8 --reliable         raw pictures, reliable
    --segment                                          with 64 MB of shared memory for large pictures
    --log sent.jsonl                                   a line a frame: stamp, time, duration of the call

It reads orders on standard input, one a line: `stop`, `go`, and `jump SECONDS`, which moves its stamps.
"""

import argparse
import array
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import rclpy
from drone_clock import DroneClock, Orders, every
from fastdds import profile_environment
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from scene import FOLDER, Scene, lens
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from geoloc.nodes import messages_out, topics


class Camera(Node):
    """Publishes the pictures of a loop."""

    def __init__(self, options: argparse.Namespace, clock: DroneClock) -> None:
        super().__init__(f"camera_{os.getpid()}", namespace=options.namespace)
        self._clock, self._lead = clock, options.lead
        scene = Scene(options.scene, options.narrow)
        self._loop = scene.loop(options.size[0])
        self._messages = [_message(options, scene, pose) for pose in range(self._loop.poses)]
        self._info = _camera_info(options)
        parent = options.topic.rpartition("/")[0]
        image = f"{options.topic}/compressed" if options.encoding == "jpeg" else options.topic
        quality = _quality(reliable=options.reliable)
        self._images = self.create_publisher(type(self._messages[0]), image, quality)
        beside = parent or options.topic.startswith("/")
        info = f"{parent}/{topics.CAMERA_INFO}" if beside else topics.CAMERA_INFO
        self._infos = self.create_publisher(CameraInfo, info, 10)

    def shoot(self) -> dict[str, Any]:
        """Publish the frame of now; return its line of the log."""
        stamp_ns, wall_ns = self._clock.now_ns(), time.time_ns()
        message = self._messages[self._loop.pose(self._loop.turn(stamp_ns, self._lead))]
        message.header.stamp = self._info.header.stamp = messages_out.time(stamp_ns)
        self._infos.publish(self._info)
        self._images.publish(message)
        return {"stamp_ns": stamp_ns, "wall_ns": wall_ns, "took_ms": (time.time_ns() - wall_ns) / 1e6}


def _message(options: argparse.Namespace, scene: Scene, pose: int) -> Image | CompressedImage:
    """Return the message of a pose; its array is filled once, because rclpy checks other types by byte."""
    data = array.array("B")
    data.frombytes(scene.picture(options.size, pose, options.encoding))
    header = messages_out.header(0, options.frame_id)
    if options.encoding == "jpeg":
        return CompressedImage(header=header, format="bgr8; jpeg compressed bgr8", data=data)
    width, height = options.size
    return Image(
        header=header, width=width, height=height, encoding=options.encoding, step=3 * width, data=data
    )


def _camera_info(options: argparse.Namespace) -> CameraInfo:
    made = lens(options.size)
    return CameraInfo(
        header=messages_out.header(0, options.frame_id),
        width=made.width,
        height=made.height,
        distortion_model=made.model,
        d=list(made.coefficients),
        k=made.matrix.ravel(),
    )


def _quality(*, reliable: bool) -> QoSProfile:
    """Return the QoS of a driver: keep last 10, rclcpp's default, or 5, that of sensor data."""
    if reliable:
        return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10, reliability=ReliabilityPolicy.RELIABLE)
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


def size_of(text: str) -> tuple[int, int]:
    """Read a size such as 1280x720."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def options_of(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scene", type=Path, default=FOLDER, help="Folder of map and pictures.")
    parser.add_argument("--namespace", default="geoloc", help="Prefix of the topics.")
    parser.add_argument("--topic", default=topics.IMAGE, help="Image topic; camera_info is beside it.")
    parser.add_argument("--size", type=size_of, default=(1280, 720), help="Width x height in pixels.")
    parser.add_argument("--rate", type=float, default=5.0, help="Frames per second.")
    parser.add_argument(
        "--encoding", choices=("rgb8", "bgr8", "jpeg"), default="rgb8", help="jpeg: IMAGE/compressed."
    )
    parser.add_argument("--reliable", action="store_true", help="Reliable instead of best effort.")
    parser.add_argument("--segment", action="store_true", help="Use 64 MB of shared memory.")
    parser.add_argument("--frame-id", default="camera", help="frame_id of the images.")
    parser.add_argument("--lead", type=float, default=0.0, help="Head start on the loop, in rounds.")
    parser.add_argument("--narrow", action="store_true", help="Fly the loop of few pictures at any size.")
    parser.add_argument("--hold", action="store_true", help="Send nothing until the order `go`.")
    parser.add_argument("--seconds", type=float, default=0.0, help="Duration; 0 for no end.")
    parser.add_argument("--log", type=Path, help="File with a line of JSON for each frame.")
    return parser.parse_args(words)


def main() -> None:
    """Publish until SIGINT, SIGTERM or the end of the duration."""
    options = options_of(sys.argv[1:])
    if options.segment:
        os.environ.update(profile_environment())
    Scene(options.scene, options.narrow).prepare((options.size,))
    clock = DroneClock()
    orders = Orders(clock, flying=not options.hold)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    camera = Camera(options, clock)
    log = options.log.open("w", buffering=1, encoding="utf-8") if options.log else None

    def shoot(_number: int) -> None:
        if orders.flying:
            line = camera.shoot()
            if log:
                log.write(json.dumps(line) + "\n")

    every(1.0 / options.rate, orders, shoot, options.seconds)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
