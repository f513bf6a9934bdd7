#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ask the evaluation_node of a namespace for its report, and print its answer.

PYTHONPATH=src .venv/bin/python tools/soak/ask_report.py geoloc
"""

import sys

import rclpy
from std_srvs.srv import Trigger

_LIMIT_S = 30.0


def main() -> None:
    """Print the answer of the service."""
    rclpy.init(args=[])
    node = rclpy.create_node("ask_report", namespace=sys.argv[1])
    client = node.create_client(Trigger, "evaluation_node/report")
    if not client.wait_for_service(_LIMIT_S):
        raise SystemExit("evaluation_node offers no service; see its output.")
    asked = client.call_async(Trigger.Request())
    rclpy.spin_until_future_complete(node, asked, timeout_sec=_LIMIT_S)
    print(asked.result().message if asked.done() else "no answer in time")
    rclpy.shutdown()


if __name__ == "__main__":
    main()
