# SPDX-License-Identifier: Apache-2.0
"""Start and end of every node: one sentence for a user's mistake, a clean exit on Ctrl-C and SIGTERM."""

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
from geoloc.nodes.startup.arguments import for_ros
from geoloc.nodes.startup.programs import USER_MISTAKE

_LONGEST_NAP_S = 0.2


class GeolocNode(Node):
    """Node that is closed before ROS shuts down."""

    def close(self) -> None:
        """Stop threads and write pending results."""


AnyNode = TypeVar("AnyNode", bound=GeolocNode)


class StopSignal:
    """Flag set by SIGINT or SIGTERM; rclpy's handlers would shut ROS down while a worker publishes."""

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
    """Create the node and run it until a signal comes; print a mistake as one sentence and exit with code 2.

    Args:
        make_node: function that creates the node, called once ROS is initialized.
        args: command line with `--ros-args`; None takes sys.argv.
        serve: function that does the node's work, then closes and destroys it; None spins the node.
    """
    stop = StopSignal()
    try:
        start_ros(args)
        (serve or spin)(make_node(), stop)
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr, flush=True)
        raise SystemExit(USER_MISTAKE) from None
    finally:
        if get_default_context().ok():
            rclpy.shutdown()


def start_ros(args: Sequence[str] | None = None) -> None:
    """Initialize ROS without signal handlers.

    Raises:
        ParameterError: if a parameter file is not YAML, or ROS cannot read the `--ros-args`.
    """
    try:
        with for_ros(sys.argv if args is None else args) as arguments:
            rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rcl's errors all derive from it
        first_line = str(error).splitlines()[0]
        raise ParameterError(
            f"ROS cannot read the arguments after --ros-args ({first_line}); correct them."
        ) from error


def spin(node: GeolocNode, stop: StopSignal) -> None:
    """Spin the node until the stop signal, then close and destroy it."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        while not stop.is_set:
            executor.spin_once(timeout_sec=_LONGEST_NAP_S)
    finally:
        node.close()
        executor.shutdown()
        node.destroy_node()
