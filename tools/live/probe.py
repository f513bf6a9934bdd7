#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A subscriber that writes each `fix` and each summary of /diagnostics as a line of JSON, with its time.

PYTHONPATH=src .venv/bin/python tools/live/probe.py --out heard.jsonl
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any, TextIO

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from drone_clock import DroneClock, Orders
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import NavSatFix

from geoloc.camera.messages import stamp_ns
from geoloc.nodes import topics

_QUEUE = 1000


class Probe(Node):
    """Writes what it hears."""

    def __init__(self, namespace: str, out: TextIO) -> None:
        super().__init__(f"probe_{os.getpid()}", namespace=namespace)
        self._out = out
        self._own = self.get_namespace().strip("/") + "/"
        self.create_subscription(NavSatFix, topics.FIX, self._on_fix, QoSProfile(depth=_QUEUE))
        self.create_subscription(
            DiagnosticArray, topics.DIAGNOSTICS, self._on_diagnostics, QoSProfile(depth=_QUEUE)
        )

    def _on_fix(self, message: NavSatFix) -> None:
        variance = message.position_covariance
        self._write(
            kind="fix",
            stamp_ns=stamp_ns(message),
            found=message.status.status >= 0,
            latitude=message.latitude,
            longitude=message.longitude,
            variance_m2=[variance[0], variance[4]],
        )

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            if status.name.startswith(self._own) and "answered" in values:
                self._write(
                    kind="health", name=status.name, level=status.level[0], said=status.message, values=values
                )

    def _write(self, **line: Any) -> None:  # noqa: ANN401 - values of JSON
        self._out.write(json.dumps({"wall_ns": time.time_ns(), **line}) + "\n")


def main() -> None:
    """Listen until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--namespace", default="geoloc", help="Prefix of the topics.")
    parser.add_argument("--out", type=Path, required=True, help="File to write.")
    options = parser.parse_args()
    orders = Orders(DroneClock())
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    with options.out.open("w", buffering=1, encoding="utf-8") as out:
        executor = SingleThreadedExecutor()
        executor.add_node(Probe(options.namespace, out))
        while not orders.ended:
            executor.spin_once(timeout_sec=0.2)
    rclpy.shutdown()


if __name__ == "__main__":
    main()
