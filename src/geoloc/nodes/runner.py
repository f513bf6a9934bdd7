# SPDX-License-Identifier: Apache-2.0
"""The start and the end of every node: one sentence for a mistake, a clean exit for Ctrl-C and SIGTERM."""

import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_default_context

from geoloc.errors import GeolocError, ParameterError

_LONGEST_NAP_S = 0.2


class GeolocNode(Node):
    """A node that can be closed while ROS is still up."""

    def close(self) -> None:
        """End threads and write what is to be written."""


AnyNode = TypeVar("AnyNode", bound=GeolocNode)


class StopSignal:
    """Set by SIGINT or SIGTERM; rclpy's own handlers would pull ROS away under a worker that publishes."""

    def __init__(self) -> None:
        self.is_set = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._set)

    def _set(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True


def run(
    make_node: Callable[[], AnyNode],
    args: Sequence[str] | None = None,
    serve: "Callable[[AnyNode, StopSignal], None] | None" = None,
) -> None:
    """Make the node and serve it until a signal comes; exit code 2 and one sentence on a mistake.

    Args:
        make_node: called once ROS is up.
        args: command line with `--ros-args`; None takes sys.argv.
        serve: does the node's work, closes and destroys it; None spins.
    """
    stop = StopSignal()
    try:
        start_ros(args)
        (serve or spin)(make_node(), stop)
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr, flush=True)
        raise SystemExit(2) from None
    finally:
        if get_default_context().ok():
            rclpy.shutdown()


def start_ros(args: Sequence[str] | None = None) -> None:
    """Initialise ROS without signal handlers.

    Raises:
        ParameterError: for `--ros-args` that ROS cannot read, such as a damaged parameter file.
    """
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rcl's errors all derive from it
        first_line = str(error).splitlines()[0]
        raise ParameterError(f"ROS cannot read the arguments after --ros-args: {first_line}") from error


def spin(node: GeolocNode, stop: StopSignal) -> None:
    """Serve the node's callbacks until the stop signal, then close and destroy it."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set:
            executor.spin_once(timeout_sec=_LONGEST_NAP_S)
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()
