# SPDX-License-Identifier: Apache-2.0
"""A camera in a process of its own, as a driver is one; the test process gives orders through its stdin.

Orders, one a line: `KIND WIDTH HEIGHT HZ RELIABILITY [FRAMES]` sends images of a KIND (`raw`, `jpeg`, or an
encoding such as `mono8`) until the next order, or a number of them; `offer KIND RELIABILITY` advertises the
topic and sends nothing; `stop` destroys every publisher; `count` does nothing. At the end of each order the
sender prints the number of images that it has sent by then. `--sensors` publishes imu at 100 Hz, altitude and
camera_info, too.
"""

import argparse
import array
import queue
import sys
import threading
import time

import cv2
import numpy as np
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, Range

_PATIENCE_S = 3.0
_CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1}


class ImageSender(Node):
    """The camera; see the module's text."""

    def __init__(self, namespace: str) -> None:
        super().__init__("image_sender", namespace=namespace)
        self.sent = 0
        self._offered = {}

    def offer(self, kind: str, reliability: str) -> None:
        """Advertise the topic of a kind of image."""
        jpeg = kind == "jpeg"
        topic = "image/compressed" if jpeg else "image"
        old = self._offered.get(topic)
        if old and old[1] == reliability:
            return
        quality = QoSProfile(depth=10, reliability=ReliabilityPolicy[reliability.upper()])
        made = self.create_publisher(CompressedImage if jpeg else Image, topic, quality)
        if old:
            self.destroy_publisher(old[0])
        self._offered[topic] = made, reliability

    def await_reader(self, kind: str) -> None:
        """Wait a moment for a subscriber of a kind of image."""
        publisher = self._offered["image/compressed" if kind == "jpeg" else "image"][0]
        deadline_s = time.monotonic() + _PATIENCE_S
        while not publisher.get_subscription_count() and time.monotonic() < deadline_s:
            time.sleep(0.01)

    def withdraw(self) -> None:
        """Destroy every publisher of images."""
        for publisher, _ in self._offered.values():
            self.destroy_publisher(publisher)
        self._offered.clear()

    def send(self, kind: str, message: Image | CompressedImage) -> None:
        """Send an image with a stamp of now."""
        message.header.stamp = self.get_clock().now().to_msg()
        self._offered["image/compressed" if kind == "jpeg" else "image"][0].publish(message)
        self.sent += 1


def picture(kind: str, width: int, height: int) -> Image | CompressedImage:
    """Return an image of noise; as JPEG it takes about half a byte a pixel."""
    rows = np.random.default_rng(1).integers(0, 255, (height, width, 3), dtype=np.uint8)
    if kind == "jpeg":
        _, coded = cv2.imencode(".jpg", rows, [cv2.IMWRITE_JPEG_QUALITY, 50])
        message = CompressedImage(format="jpeg")
        message.data = array.array("B", coded.tobytes())
    else:
        encoding = "rgb8" if kind == "raw" else kind
        channels = _CHANNELS[encoding]
        message = Image(width=width, height=height, encoding=encoding, step=width * channels)
        message.data = array.array("B", np.ascontiguousarray(rows[:, :, :channels]).tobytes())
    message.header.frame_id = "camera"
    return message


def sense(node: ImageSender, width: int, height: int) -> None:
    """Publish the other sensors of a drone that hovers at 100 m, for ever."""
    imus, ranges, cameras = (
        node.create_publisher(kind, topic, 10)
        for kind, topic in ((Imu, "imu"), (Range, "altitude"), (CameraInfo, "camera_info"))
    )
    attitude, height_m, camera = Imu(), Range(range=100.0), CameraInfo(width=width, height=height)
    attitude.orientation.w = 1.0
    camera.k = [float(width), 0.0, width / 2, 0.0, float(width), height / 2, 0.0, 0.0, 1.0]
    began_s = time.monotonic()
    for tick in range(sys.maxsize):
        stamp = node.get_clock().now().to_msg()
        attitude.header.stamp = height_m.header.stamp = camera.header.stamp = stamp
        imus.publish(attitude)
        if tick % 10 == 0:
            ranges.publish(height_m)
            cameras.publish(camera)
        time.sleep(max(0.0, began_s + (tick + 1) / 100 - time.monotonic()))


def obey(node: ImageSender, orders: "queue.SimpleQueue[str]", order: str) -> None:
    """Carry out one order; an endless one ends when the next comes."""
    words = order.split()
    if words[0] == "count":
        pass
    elif words[0] == "stop":
        node.withdraw()
    elif words[0] == "offer":
        node.offer(words[1], words[2])
    else:
        kind, width, height, hz, reliability = (
            words[0],
            int(words[1]),
            int(words[2]),
            float(words[3]),
            words[4],
        )
        frames = int(words[5]) if len(words) > 5 else sys.maxsize
        node.offer(kind, reliability)
        message = picture(kind, width, height)
        node.await_reader(kind)
        began_s = time.monotonic()
        for number in range(frames):
            node.send(kind, message)
            time.sleep(max(0.0, began_s + (number + 1) / hz - time.monotonic()))
            if not orders.empty():
                break
    print(node.sent, flush=True)


def main() -> None:
    """Obey until stdin ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("namespace")
    parser.add_argument("--sensors", nargs=2, type=int, metavar=("WIDTH", "HEIGHT"))
    arguments = parser.parse_args()
    rclpy.init(args=[])
    node = ImageSender(arguments.namespace)
    if arguments.sensors:
        threading.Thread(target=sense, args=(node, *arguments.sensors), daemon=True).start()
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=lambda: [*map(orders.put, sys.stdin), orders.put("")], daemon=True).start()
    while order := orders.get().strip():
        obey(node, orders, order)


if __name__ == "__main__":
    main()
