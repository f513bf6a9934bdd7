# SPDX-License-Identifier: Apache-2.0
"""Joins the messages about each frame by stamp; they may arrive in any order or not at all."""

import contextlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geographic_msgs.msg import GeoPointStamped
from geometry_msgs.msg import Vector3Stamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image, NavSatFix, PointCloud2

from geoloc.camera import messages
from geoloc.camera.message_types import Stamped
from geoloc.errors import BagError, FrameRefused, Reason
from geoloc.localizer import Candidates, Fix
from geoloc.nodes import messages_in
from geoloc_lab.bags.odometry_track import OdometryTrack
from geoloc_lab.bags.truth_samples import TruthSample, is_place, truth_sample
from geoloc_lab.bags.truth_track import TruthTrack
from geoloc_lab.metrics.records import Record, Recorder
from geoloc_lab.reports.view_album import ViewAlbum

_OVERTAKEN = "no node answered this frame: a newer frame replaced it"


@dataclass
class _Page:
    """The messages about one frame; a field is None until its message arrives."""

    offset_m: tuple[float, float] | None = None
    candidates: Candidates | None = None
    fix: NavSatFix | None = None
    geopoint: GeoPointStamped | None = None
    refusal: tuple[Reason, str] | None = None
    arrived_s: dict[str, float] = field(default_factory=dict)
    age_ms: dict[str, float] = field(default_factory=dict)


class Logbook:
    """Collects the messages about every frame since the start, and the truth.

    Args:
        truth_topic: full name of the topic of the truth, for the report.
    """

    def __init__(self, truth_topic: str = "truth") -> None:
        self._truth_topic = truth_topic
        self._pages: dict[int, _Page] = {}
        self._truth: list[TruthSample] = []
        self._odometry: list[tuple[int, float, float]] = []
        self.views = ViewAlbum()

    @property
    def frames(self) -> int:
        """Number of frames that camera_node accepted or refused."""
        return sum(page.offset_m is not None for page in self._pages.values())

    @property
    def has_truth(self) -> bool:
        """Whether a reference position has arrived."""
        return any(s.has_fix and is_place(s.latitude_deg, s.longitude_deg) for s in self._truth)

    def take_offset(self, message: Vector3Stamped, now_ns: int) -> None:
        """Store a `view/offset`; every frame has one, including refused frames."""
        self._arrival("view", message, now_ns).offset_m = (message.vector.x, message.vector.y)

    def take_view(self, message: Image, _now_ns: int) -> None:
        """Store the first view of a `view/image` for the plot of the worst frames; skip damaged messages."""
        with contextlib.suppress(FrameRefused):
            self.views.put(messages.stamp_ns(message), messages.decode_image(message)[: message.width])

    def take_descriptor(self, message: Image, now_ns: int) -> None:
        """Store the arrival time of a `descriptor`."""
        self._arrival("descriptor", message, now_ns)

    def take_candidates(self, message: PointCloud2, now_ns: int) -> None:
        """Store `candidates`."""
        self._arrival("candidates", message, now_ns).candidates = messages_in.candidates(message)

    def take_fix(self, message: NavSatFix, now_ns: int) -> None:
        """Store a `fix`; the first one counts, as one about silence may repeat the stamp of a frame."""
        page = self._arrival("fix", message, now_ns)
        page.fix = page.fix or message

    def take_geopoint(self, message: GeoPointStamped, now_ns: int) -> None:
        """Store a `geopoint`."""
        self._arrival("geopoint", message, now_ns).geopoint = message

    def take_truth(self, message: NavSatFix, _now_ns: int) -> None:
        """Store a reference position."""
        self._truth.append(truth_sample(message))

    def take_odometry(self, message: Odometry, _now_ns: int) -> None:
        """Store a position by odometry, which tells whether a repeated truth is one."""
        self._odometry.append((messages.stamp_ns(message), *messages.odometry_m(message)[0]))

    def take_refusals(self, message: DiagnosticArray, _now_ns: int) -> None:
        """Store the reason why a frame was refused; the first node that refused it counts."""
        for refusal in messages_in.refusals(message):
            page = self._pages.setdefault(messages.stamp_ns(message), _Page())
            page.refusal = page.refusal or (refusal.reason, refusal.sentence)

    def truth(self, max_gap_s: float) -> TruthTrack:
        """Return the reference track.

        Raises:
            BagError: if no truth has arrived; the sentence says why if positions have that are none.
        """
        if not self._truth:
            raise BagError(f"no position has come on {self._truth_topic}; publish a NavSatFix on it.")
        return TruthTrack.of(self._truth, self._truth_topic, max_gap_s, OdometryTrack(self._odometry).moved_m)

    def records(self, recorder: Recorder) -> tuple[Record, ...]:
        """Return a record for each frame that camera_node processed, in stamp order."""
        pages = sorted((stamp, page) for stamp, page in self._pages.items() if page.offset_m is not None)
        return tuple(
            recorder.record(
                _fix(stamp_ns, page),
                offset_m=page.offset_m or (math.nan, math.nan),
                latency_ms=_latency_ms(page),
            )
            for stamp_ns, page in pages
        )

    def _arrival(self, what: str, message: Stamped, now_ns: int) -> _Page:
        stamp_ns = messages.stamp_ns(message)
        page = self._pages.setdefault(stamp_ns, _Page())
        page.arrived_s[what] = time.monotonic()
        page.age_ms[what] = (now_ns - stamp_ns) / 1e6
        return page


def _fix(stamp_ns: int, page: _Page) -> Fix:
    """Return the fix of a frame as published, without its position in the map frame."""
    candidates = page.candidates or Candidates.none()
    if page.geopoint is None:
        reason, sentence = page.refusal or (None, "" if page.fix else _OVERTAKEN)
        latitude = longitude = math.nan
        covariance = np.full((2, 2), math.nan)
    else:
        reason, sentence = None, ""
        latitude, longitude = page.geopoint.position.latitude, page.geopoint.position.longitude
        values = page.fix.position_covariance if page.fix else np.full(9, math.nan)
        covariance = np.array(values, dtype=np.float64).reshape(3, 3)[:2, :2]
    return Fix(stamp_ns, latitude, longitude, math.nan, math.nan, covariance, reason, sentence, candidates)


def _latency_ms(page: _Page) -> Mapping[str, float]:
    """Return the latency of each stage in ms, as a subscriber measures it; empty without a position."""
    if page.geopoint is None:
        return {}
    stages = {"camera_node": page.age_ms.get("view", math.nan)}
    for name, start, end in (
        ("inference_node", "view", "descriptor"),
        ("retrieval_node", "descriptor", "geopoint"),
    ):
        if start in page.arrived_s and end in page.arrived_s:
            stages[name] = (page.arrived_s[end] - page.arrived_s[start]) * 1e3
    return {**stages, "image to geopoint": page.age_ms["geopoint"]}
