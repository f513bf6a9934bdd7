#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An autopilot that publishes the other sensors of the drone in camera.py, with stamps of now.

`imu` 100 Hz, `altitude` and `odom` 10 Hz; with --truth also `truth`, with --clock also /clock. These values
are exact. With --hints it tells its own estimate on `initial_fix` once a second, 10 m beside the truth. It
reads orders on standard input, one a line: `stop`, `go`, and `jump SECONDS`, which moves its time.

PYTHONPATH=src .venv/bin/python tools/live/autopilot.py
"""

import argparse
import math
import os
import sys
from pathlib import Path

import rclpy
from drone_clock import DroneClock, Orders, every
from loop import Loop
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from scene import FOLDER, Scene
from sensor_msgs.msg import Imu, NavSatFix, Range

from geoloc.nodes import messages_out, topics

_IMU_HZ, _SLOW_EVERY, _HINT_EVERY = 100.0, 10, 100
_HINT_OFF_M, _HINT_SIGMA_M = (8.0, 6.0), 15.0
_SENSORS = (topics.IMU, topics.ALTITUDE, topics.ODOM)


class Autopilot(Node):
    """Publishes attitude, height, odometry and, if asked, truth and clock."""

    def __init__(self, options: argparse.Namespace, scene: Scene, clock: DroneClock) -> None:
        super().__init__(f"autopilot_{os.getpid()}", namespace=options.namespace)
        self._loop: Loop = scene.loop(options.width)
        self._clock, self._options = clock, options
        self._imus = self.create_publisher(Imu, topics.IMU, 10)
        self._heights = self.create_publisher(Range, topics.ALTITUDE, 10)
        self._odometry = self.create_publisher(Odometry, topics.ODOM, 10)
        self._truths = self.create_publisher(NavSatFix, topics.TRUTH, 10) if options.truth else None
        self._clocks = self.create_publisher(Clock, "/clock", 10) if options.clock else None
        self._hints = self.create_publisher(NavSatFix, topics.INITIAL_FIX, 10) if options.hints else None
        self._frame = scene.frame()
        self._imu = Imu()
        self._imu.orientation.z = math.sin(self._loop.yaw_rad / 2)
        self._imu.orientation.w = math.cos(self._loop.yaw_rad / 2)

    def sense(self, number: int) -> None:
        """Publish the samples of a tick."""
        stamp_ns = self._clock.now_ns()
        if self._clocks:
            self._clocks.publish(Clock(clock=messages_out.time(stamp_ns)))
        if topics.IMU not in self._options.without:
            self._imu.header = messages_out.header(stamp_ns, "base_link")
            self._imus.publish(self._imu)
        if number % _SLOW_EVERY == 0:
            self._sense_slowly(stamp_ns)
        if self._hints and number % _HINT_EVERY == 0:
            hint = self._position(stamp_ns, _HINT_OFF_M)
            hint.position_covariance[0] = hint.position_covariance[4] = _HINT_SIGMA_M**2
            hint.position_covariance_type = NavSatFix.COVARIANCE_TYPE_DIAGONAL_KNOWN
            self._hints.publish(hint)

    def _sense_slowly(self, stamp_ns: int) -> None:
        turn = self._loop.turn(stamp_ns, self._options.lead)
        if topics.ALTITUDE not in self._options.without:
            height = Range(header=messages_out.header(stamp_ns, "base_link"), range=self._loop.height_m)
            self._heights.publish(height)
        if topics.ODOM not in self._options.without:
            self._odometry.publish(self._odom(stamp_ns, turn))
        if self._truths:
            self._truths.publish(self._position(stamp_ns))

    def _position(self, stamp_ns: int, off_m: tuple[float, float] = (0.0, 0.0)) -> NavSatFix:
        """Return the position at a stamp, with an error (east, north)."""
        east_m, north_m = self._loop.place(self._loop.turn(stamp_ns, self._options.lead))
        latitude, longitude = self._frame.to_geodetic(east_m + off_m[0], north_m + off_m[1])
        header = messages_out.header(stamp_ns, "base_link")
        return NavSatFix(header=header, latitude=float(latitude), longitude=float(longitude))

    def _odom(self, stamp_ns: int, turn: float) -> Odometry:
        message = Odometry(header=messages_out.header(stamp_ns, "odom"), child_frame_id="base_link")
        place, twist = message.pose.pose, message.twist.twist.linear
        place.position.x, place.position.y = self._loop.place(turn)
        place.orientation = self._imu.orientation
        east, north = self._loop.velocity_mps(turn)
        yaw = self._loop.yaw_rad
        twist.x = east * math.cos(yaw) + north * math.sin(yaw)
        twist.y = north * math.cos(yaw) - east * math.sin(yaw)
        return message


def options_of(words: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scene", type=Path, default=FOLDER, help="Folder of map and pictures.")
    parser.add_argument("--namespace", default="geoloc", help="Prefix of the topics.")
    parser.add_argument("--width", type=int, default=1280, help="Width of the camera; decides the loop.")
    parser.add_argument("--lead", type=float, default=0.0, help="Head start on the loop, in rounds.")
    parser.add_argument("--narrow", action="store_true", help="Fly the loop of few pictures at any width.")
    parser.add_argument("--clock", action="store_true", help="Publish /clock, 100 Hz.")
    parser.add_argument("--truth", action="store_true", help="Publish the true position, 10 Hz.")
    parser.add_argument("--hints", action="store_true", help="Publish an estimate on initial_fix, 1 Hz.")
    parser.add_argument("--without", nargs="*", default=[], choices=_SENSORS, help="Sensors to leave out.")
    parser.add_argument("--seconds", type=float, default=0.0, help="Duration; 0 for no end.")
    return parser.parse_args(words)


def main() -> None:
    """Publish until SIGINT, SIGTERM or the end of the duration."""
    options = options_of(sys.argv[1:])
    clock = DroneClock()
    orders = Orders(clock)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    autopilot = Autopilot(options, Scene(options.scene, options.narrow), clock)

    def sense(number: int) -> None:
        if orders.flying:
            autopilot.sense(number)

    every(1.0 / _IMU_HZ, orders, sense, options.seconds)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
