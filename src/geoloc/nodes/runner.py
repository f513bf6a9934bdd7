# SPDX-License-Identifier: Apache-2.0
"""Start and end of every node: one sentence for a user's mistake, a clean exit on Ctrl-C and SIGTERM."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

import rclpy
from rcl_interfaces.msg import Log
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import get_default_context

from geoloc.errors import GeolocError, ParameterError
from geoloc.nodes.startup.arguments import for_ros
from geoloc.nodes.startup.programs import USER_MISTAKE

_LONGEST_NAP_S = 0.2
_DISCOVERY_S = 3.3  # Fast DDS repeats a lost announcement after 3 s
_DELIVERY_S = 4.0
_ROSOUT = "/rosout"


class GeolocNode(Node):
    """Node that is closed before ROS shuts down.

    Attributes:
        newest: the node that was created last, also if its constructor raised after rclpy's.
    """

    newest: "GeolocNode | None" = None

    def __init__(self, name: str, **options: Any) -> None:  # noqa: ANN401 - as rclpy's Node takes them
        super().__init__(name, **options)
        GeolocNode.newest = self

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
    """Create the node and run it until a signal comes; say a mistake in one sentence and exit with code 2.

    Args:
        make_node: function that creates the node, called once ROS is initialized.
        args: command line with `--ros-args`; None takes sys.argv.
        serve: function that does the node's work, then closes and destroys it; None spins the node.
    """
    stop = StopSignal()
    try:
        with ros_running(args):
            (serve or spin)(_made(make_node), stop)
    except GeolocError as error:
        print(f"geoloc: {error}", file=sys.stderr, flush=True)
        raise SystemExit(USER_MISTAKE) from None


@contextmanager
def ros_running(args: Sequence[str] | None = None) -> Iterator[None]:
    """Initialize ROS without signal handlers, and shut it down at the end of the `with` block.

    Raises:
        ParameterError: see `start_ros`.
    """
    try:
        start_ros(args)
        yield
    finally:
        if get_default_context().ok():
            rclpy.shutdown()


def _made(make_node: Callable[[], AnyNode]) -> AnyNode:
    """Create the node; log a mistake with its logger, so that /rosout and bags hold it.

    Raises:
        GeolocError: if the mistake shows before there is a logger.
        SystemExit: after the mistake has been logged.
    """
    try:
        return make_node()
    except GeolocError as error:
        node = GeolocNode.newest
        if node is None:
            raise
        node.get_logger().fatal(str(error))
        _await_readers(node)
        raise SystemExit(USER_MISTAKE) from None


def _await_readers(node: Node) -> None:
    """Wait until the readers of /rosout have what the node logged; return after seconds if there are none.

    The node's writer of /rosout keeps messages for late readers, but cannot be asked whether they arrived.
    DDS announces writers in order, so whoever acknowledges a message of a later writer knows the first.
    """
    kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    writer = node.create_publisher(Log, _ROSOUT, kept)
    writer.publish(
        Log(
            stamp=node.get_clock().now().to_msg(),
            level=Log.INFO,
            name=node.get_logger().name,
            msg=f"{node.get_name()} ends with code {USER_MISTAKE}",
        )
    )
    give_up_s = time.monotonic() + _DISCOVERY_S
    while not writer.get_subscription_count():
        if time.monotonic() > give_up_s:
            return
        time.sleep(_LONGEST_NAP_S / 10)
    writer.wait_for_all_acked(Duration(seconds=_DELIVERY_S))
    time.sleep(_LONGEST_NAP_S)


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
