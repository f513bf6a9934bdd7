# SPDX-License-Identifier: Apache-2.0
"""A small flat world, a map of it, and a drone that flies over it through real nodes and real DDS."""

import contextlib
import math
import queue
import threading
import time
from collections import defaultdict
from types import SimpleNamespace
from unittest import mock

import cv2
import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geographic_msgs.msg import GeoPointStamped
from geometry_msgs.msg import PoseWithCovarianceStamped, Vector3Stamped
from rcl_interfaces.msg import Log
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, Imu, NavSatFix, PointCloud2, Range

from geoloc.encoder.calibration import Calibration
from geoloc.geodesy import LocalFrame
from geoloc.nodes import inference_node, messages_in, messages_out, retrieval_node, topics
from geoloc.nodes.camera_node import CameraNode
from geoloc.search.index import open_index

VIEW_M = 60.0
PITCH_M = 15.0
PX = 64
GROUND_M = 400.0
GROUND_GSD_M = 0.5
HEIGHT_M = 100.0
FOCAL_PX = 160.0
WIDTH, HEIGHT = 160, 120
NORTH_UP = (0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5))  # nose to the north: x forward is y of east-north-up
START_NS = 1_700_000_000 * 1_000_000_000


def _ground():
    """Make a texture (H, W, 3) of blobs of every size, row 0 in the north."""
    random = np.random.default_rng(7)
    side = int(GROUND_M / GROUND_GSD_M)
    sizes = (12, 30, 80)
    layers = [
        cv2.resize(random.random((n, n, 3)), (side, side), interpolation=cv2.INTER_CUBIC) for n in sizes
    ]
    return np.clip(255 * sum(layers) / len(layers), 0, 255).astype(np.uint8)


GROUND = _ground()


def photo(east_m, north_m, across_m, down_m, size):
    """Return the ground from straight above, north up; `size` is width, height in pixels."""
    step_x, step_y = across_m / size[0] / GROUND_GSD_M, down_m / size[1] / GROUND_GSD_M
    left = (east_m - across_m / 2 + GROUND_M / 2) / GROUND_GSD_M - 0.5 + step_x / 2
    top = (GROUND_M / 2 - north_m - down_m / 2) / GROUND_GSD_M - 0.5 + step_y / 2
    warp = np.array([[step_x, 0.0, left], [0.0, step_y, top]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(GROUND, warp, size, flags=flags, borderMode=cv2.BORDER_REFLECT)


def frame_at(east_m, north_m):
    """Return the frame of the drone's camera from HEIGHT_M above a place."""
    across_m, down_m = WIDTH * HEIGHT_M / FOCAL_PX, HEIGHT * HEIGHT_M / FOCAL_PX
    return photo(east_m, north_m, across_m, down_m, (WIDTH, HEIGHT))


class PixelEncoder:
    """Describes a view by its coarse pixels, which is enough to recognize places of this world."""

    card = SimpleNamespace(
        id="pixels",
        sha256="00" * 32,
        input_px=PX,
        descriptor_size=192,
        gsd_range_m=(0.1, 10.0),
        calibration=Calibration(-1.0, 0.0, "none"),
    )

    def describe(self, views):
        small = [cv2.resize(view, (8, 8), interpolation=cv2.INTER_AREA).ravel() for view in views]
        vectors = np.array(small, dtype=np.float32)
        vectors -= vectors.mean(axis=1, keepdims=True)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


class GroundPicture:
    """Imagery of the map, with the interface of `geoloc.raster.views.Raster`."""

    def view(self, east_m, north_m, size_m, size_px):
        return photo(east_m, north_m, size_m, size_m, (size_px, size_px)), np.ones((size_px, size_px), bool)

    def close(self):
        pass


def _map():
    """Make a map of the world as `geoloc.mapping.directory.open_map` gives one."""
    frame = LocalFrame(47.0, 8.0)
    steps = np.arange(-(GROUND_M - VIEW_M) / 2, (GROUND_M - VIEW_M) / 2 + 1, PITCH_M)
    east, north = (a.ravel() for a in np.meshgrid(steps, steps))
    fields = ("latitude", "longitude", "east_m", "north_m", "size_m")
    tiles = np.zeros(east.size, dtype=[(name, "f8") for name in fields] + [("level", "i2")])
    tiles["east_m"], tiles["north_m"], tiles["size_m"] = east, north, VIEW_M
    tiles["latitude"], tiles["longitude"] = frame.to_geodetic(east, north)
    views = [photo(e, n, VIEW_M, VIEW_M, (PX, PX)) for e, n in zip(east, north, strict=True)]
    descriptors = PixelEncoder().describe(np.array(views))
    half = GROUND_M / 2
    return SimpleNamespace(
        frame=frame,
        tiles=tiles,
        descriptors=descriptors,
        view_size_m=VIEW_M,
        pitch_m=PITCH_M,
        model_id="pixels",
        model_sha256=PixelEncoder.card.sha256,
        manifest=SimpleNamespace(bounds_m=(-half, -half, half, half)),
        index=lambda: open_index(descriptors, "numpy"),
        raster=GroundPicture,
    )


MAP = _map()


def options(namespace, **values):
    """Return a node's options with parameters."""
    parameters = [Parameter(name, value=value) for name, value in values.items()]
    return {"namespace": namespace, "parameter_overrides": parameters}


def camera_node(namespace, **values):
    """Return a camera_node for this world; it reads raw images, as a Drone advertises both kinds."""
    values = {"image_transport": "raw", **values}
    return CameraNode(**options(namespace, view_size_m=VIEW_M, encoder_px=PX, **values))


def knowing(module, map_directory=None):
    """Patch a module to load this world's encoder under any name, and the given map."""
    patches = contextlib.ExitStack()
    for name, answer in (
        ("find_model", None),
        ("load_card", PixelEncoder.card),
        ("load_encoder", PixelEncoder()),
    ):
        if hasattr(module, name):
            patches.enter_context(mock.patch.object(module, name, return_value=answer))
    if map_directory is not None:
        patches.enter_context(mock.patch.object(module, "open_map", return_value=map_directory))
    return patches


def fly(spinner, namespace, silence_s=60.0, camera=(), **parameters):
    """Start the three flight nodes, without the filter and refinement unless parameters enable them.

    Model and map are this module's. `camera` are parameters of camera_node, all others of retrieval_node.
    """
    with knowing(inference_node):
        inference = inference_node.InferenceNode(**options(namespace, model="pixels"))
    with knowing(retrieval_node, MAP):
        defaults = {"model": "pixels", "map": "world", "filter": False, "refine": "off"}
        given = {**defaults, "silence_s": silence_s, **parameters}
        retrieval = retrieval_node.RetrievalNode(**options(namespace, **given))
    nodes = SimpleNamespace(
        camera=camera_node(namespace, **dict(camera)), inference=inference, retrieval=retrieval
    )
    for node in (nodes.camera, nodes.inference, nodes.retrieval):
        spinner.add(node)
    return nodes


class Spinner:
    """Executor in a thread; nodes are added and removed in that thread, between callbacks."""

    def __init__(self):
        self._executor = SingleThreadedExecutor()
        self._nodes = []
        self._stopping = False
        self._failure = None
        self._errands = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def add(self, node):
        self._nodes.append(node)
        self._run(lambda: self._executor.add_node(node))
        return node

    def remove(self, node):
        self._nodes.remove(node)
        self._run(lambda: (self._executor.remove_node(node), _end(node)))

    def _run(self, errand):
        done = threading.Event()
        self._errands.put(lambda: (errand(), done.set()))
        assert done.wait(10.0)

    def stop(self):
        self._stopping = True
        self._thread.join()
        for node in self._nodes:
            _end(node)
        if self._failure is not None:
            raise self._failure

    def _spin(self):
        try:
            while not self._stopping:
                while not self._errands.empty():
                    self._errands.get()()
                self._executor.spin_once(timeout_sec=0.02)
        except Exception as failure:  # noqa: BLE001 - stop() raises it in the thread of the test
            self._failure = failure


def _end(node):
    if hasattr(node, "close"):
        node.close()
    node.destroy_node()


def wait_for(condition, timeout_s=5.0):
    """Poll until the condition holds; return its last value."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return value


def newest_only():
    """Return the quality of service of a usual camera driver."""
    return QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


class Drone(Node):
    """Publishes sensor messages, and records the answers by topic and stamp."""

    moment = 0

    def __init__(self, namespace):
        super().__init__("drone", namespace=namespace)
        self.heard = defaultdict(dict)
        self.images = self.create_publisher(Image, topics.IMAGE, newest_only())
        self.compressed = self.create_publisher(CompressedImage, topics.IMAGE_COMPRESSED, newest_only())
        self.cameras = self.create_publisher(CameraInfo, topics.CAMERA_INFO, 10)
        self.imus = self.create_publisher(Imu, topics.IMU, 10)
        self.ranges = self.create_publisher(Range, topics.ALTITUDE, 10)
        for kind, topic in (
            (Image, topics.VIEW_IMAGE),
            (Vector3Stamped, topics.VIEW_OFFSET),
            (Image, topics.DESCRIPTOR),
            (GeoPointStamped, topics.GEOPOINT),
            (NavSatFix, topics.FIX),
            (PoseWithCovarianceStamped, topics.POSE),
            (PointCloud2, topics.CANDIDATES),
        ):
            quality = newest_only() if topic == topics.VIEW_IMAGE else topics.every_answer()
            self.create_subscription(kind, topic, lambda m, t=topic: self._hear(t, m), quality)
        self.create_subscription(DiagnosticArray, topics.DIAGNOSTICS, self._hear_health, 100)
        self.create_subscription(DiagnosticArray, topics.REFUSALS, self._hear_refusal, 100)

    def await_suite(self):
        """Wait until the nodes listen to the sensors and to each other."""
        publishers = (self.images, self.cameras, self.imus, self.ranges)
        assert wait_for(lambda: all(p.get_subscription_count() for p in publishers))
        told = (topics.VIEW_OFFSET, topics.GEOPOINT, topics.FIX, topics.REFUSALS, topics.DIAGNOSTICS)
        names = [self.resolve_topic_name(name) for name in told]
        assert wait_for(lambda: all(self.count_publishers(name) for name in names))
        time.sleep(0.1)  # the graph is updated a moment before the endpoints match

    def next_stamp(self):
        """Return a stamp ten seconds after the last one, so that all earlier samples are stale."""
        Drone.moment += 1
        return START_NS + Drone.moment * 10_000_000_000

    def sense(self, stamp_ns, height_m=HEIGHT_M, attitude=NORTH_UP, camera=True):
        """Send the sensor samples of a frame, before the frame; None leaves a sensor out."""
        if camera:
            self.cameras.publish(camera_info(stamp_ns))
        if height_m is not None:
            height = Range(header=messages_out.header(stamp_ns, "range"), min_range=0.0, max_range=0.0)
            height.range = height_m
            self.ranges.publish(height)
        if attitude is not None:
            self.imus.publish(imu(stamp_ns, attitude))

    def shoot(self, stamp_ns, rgb, **changes):
        """Send a frame; `changes` go into the message."""
        message = messages_out.rgb_image(stamp_ns, "camera", rgb)
        for name, value in changes.items():
            setattr(message, name, value)
        time.sleep(0.03)  # sensors come first: separate topics keep no order
        self.images.publish(message)

    def good_frame(self, east_m=20.0, north_m=-30.0):
        """Fly one good frame and return its stamp, once it is answered."""
        stamp_ns = self.next_stamp()
        self.sense(stamp_ns)
        self.shoot(stamp_ns, frame_at(east_m, north_m))
        assert self.wait(topics.GEOPOINT, stamp_ns), f"no answer; {self.heard[topics.DIAGNOSTICS]}"
        return stamp_ns

    def wait(self, topic, stamp_ns, timeout_s=5.0):
        """Return the message of a topic and stamp; None if it does not come."""
        return wait_for(lambda: self.heard[topic].get(stamp_ns), timeout_s)

    def reason(self, stamp_ns):
        """Return why a frame was refused, once `fix` has said that it was."""
        fix = self.wait(topics.FIX, stamp_ns)
        assert fix is not None, "a refused frame must be reported as STATUS_NO_FIX with its own stamp"
        assert fix.status.status == -1
        assert math.isnan(fix.latitude)
        assert stamp_ns not in self.heard[topics.GEOPOINT]
        return self.wait("reason", stamp_ns)

    def _hear(self, topic, message):
        stamp = message.header.stamp
        self.heard[topic][stamp.sec * 1_000_000_000 + stamp.nanosec] = message

    def _hear_health(self, message):
        for status in message.status:
            values = {item.key: item.value for item in status.values}
            self.heard[topics.DIAGNOSTICS][status.name.removesuffix(": frames")] = (status, values)

    def _hear_refusal(self, message):
        (refusal,) = messages_in.refusals(message)
        stamp = message.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        self.heard["reason"].setdefault(stamp_ns, str(refusal.reason))
        self.heard["sentence"].setdefault(stamp_ns, refusal.sentence)


class Sender(Drone):
    """Publishes in place of camera_node and inference_node."""

    def __init__(self, namespace):
        super().__init__(namespace)
        self.offsets = self.create_publisher(Vector3Stamped, topics.VIEW_OFFSET, topics.every_answer())
        self.descriptors = self.create_publisher(Image, topics.DESCRIPTOR, topics.every_answer())

    def see(self, stamp_ns, place_m):
        """Send the descriptor of a place; return the resulting `fix`."""
        vectors = PixelEncoder().describe(photo(*place_m, VIEW_M, VIEW_M, (PX, PX))[None])
        self.offsets.publish(messages_out.offset(stamp_ns, "camera", 0.0, 0.0, 100.0))
        self.descriptors.publish(messages_out.descriptor(stamp_ns, "camera", vectors))
        return self.wait(topics.FIX, stamp_ns)


def listen_to_log(node):
    """Subscribe to `/rosout`; return the list that its texts are added to."""
    texts = []
    node.create_subscription(Log, "/rosout", lambda message: texts.append(message.msg), 100)
    return texts


def camera_info(stamp_ns):
    """Return a pinhole camera's CameraInfo."""
    k = [FOCAL_PX, 0.0, WIDTH / 2 - 0.5, 0.0, FOCAL_PX, HEIGHT / 2 - 0.5, 0.0, 0.0, 1.0]
    header = messages_out.header(stamp_ns, "camera")
    return CameraInfo(
        header=header, width=WIDTH, height=HEIGHT, distortion_model="plumb_bob", d=[0.0] * 5, k=k
    )


def imu(stamp_ns, attitude):
    """Return an attitude as an Imu message."""
    message = Imu(header=messages_out.header(stamp_ns, "base_link"))
    turn = message.orientation
    turn.x, turn.y, turn.z, turn.w = attitude
    return message
