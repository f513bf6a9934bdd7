# SPDX-License-Identifier: Apache-2.0
"""Records of frames, each with estimate and truth: the input of every metric and plot of a report."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from geoloc.arrays import Float64Array, Int64Array
from geoloc.errors import BagError, Reason
from geoloc.raster.colours import Rgb
from geoloc.search.tiles import score_margin
from geoloc_lab.bags.truth_samples import is_place

if TYPE_CHECKING:
    from geoloc.encoder.calibration import Calibration
    from geoloc.localizer import Fix
    from geoloc.mapping.directory import MapDirectory
    from geoloc_lab.bags.truth_track import TruthTrack

_NS_PER_S = 1_000_000_000
_NO_LATENCY: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Record:
    """Truth, estimate and look-up of one frame; unknown numbers are NaN, unknown tiles -1.

    Attributes:
        stamp_ns: stamp of the image.
        truth_latitude_deg, truth_longitude_deg: true position of the camera, WGS 84.
        latitude_deg, longitude_deg: estimated position.
        covariance_m2: (2, 2) claimed covariance, east and north, metres².
        reason, sentence: reason of the refusal, as code and in words; None and "" for a fix.
        score: cosine of the best tile.
        top_tile: index of the best tile.
        true_tile: index of the tile nearest to the true centre of the view.
        top_tile_error_m: distance from the true centre of the view to the centre of the best tile.
        oracle_error_m: distance from the true centre of the view to the centre of the nearest tile.
        latency_ms: latency of each stage, milliseconds.
        name: file or label of the frame; empty without one.
        margin: score of the best tile minus that of the best candidate that shares no ground with it; NaN if
            all candidates share ground with it.
        refined: whether the estimate was refined against the map's imagery.
        attitude_m: least standard deviation, of all directions, that the attitude's error adds.
    """

    stamp_ns: int
    truth_latitude_deg: float
    truth_longitude_deg: float
    latitude_deg: float = math.nan
    longitude_deg: float = math.nan
    covariance_m2: Float64Array = field(default_factory=lambda: np.full((2, 2), math.nan))
    reason: Reason | None = None
    sentence: str = ""
    score: float = math.nan
    top_tile: int = -1
    true_tile: int = -1
    top_tile_error_m: float = math.nan
    oracle_error_m: float = math.nan
    latency_ms: Mapping[str, float] = field(default_factory=lambda: _NO_LATENCY)
    name: str = ""
    margin: float = math.nan
    refined: bool = False
    attitude_m: float = 0.0

    @property
    def has_fix(self) -> bool:
        """Whether the frame has an estimate."""
        return math.isfinite(self.latitude_deg) and math.isfinite(self.longitude_deg)

    @property
    def has_truth(self) -> bool:
        """Whether the frame has a truth; reports of older versions also hold positions that are none."""
        return is_place(self.truth_latitude_deg, self.truth_longitude_deg)


class Recorder:
    """Makes records of frames from their fixes, the truth and the map's tiles.

    Args:
        map_directory: the map that was searched.
        truth: the reference track.
    """

    def __init__(self, map_directory: "MapDirectory", truth: "TruthTrack") -> None:
        tiles = map_directory.tiles
        self._frame = map_directory.frame
        self._centres_m = np.column_stack([tiles["east_m"], tiles["north_m"]]).astype(np.float64)
        self._size_m = np.asarray(tiles["size_m"], dtype=np.float64)
        self._tree = cKDTree(self._centres_m)
        self._truth = truth

    def record(
        self,
        fix: "Fix",
        *,
        offset_m: tuple[float, float] = (math.nan, math.nan),
        latency_ms: Mapping[str, float] = _NO_LATENCY,
        name: str = "",
    ) -> Record:
        """Return the record of a frame.

        Args:
            fix: the answer or the refusal.
            offset_m: offset from the view's centre to the camera, east and north; NaN makes the tiles and
                their errors unknown.
            latency_ms: latency of each stage, milliseconds.
            name: label of the frame.
        """
        latitude, longitude = self._truth.at(fix.stamp_ns)
        found = fix.candidates.ids.size > 0
        top_tile = int(fix.candidates.ids[0]) if found else -1
        true_tile, oracle_error_m, top_tile_error_m = self._tiles_at(latitude, longitude, offset_m, top_tile)
        return Record(
            stamp_ns=fix.stamp_ns,
            truth_latitude_deg=latitude,
            truth_longitude_deg=longitude,
            latitude_deg=fix.latitude_deg,
            longitude_deg=fix.longitude_deg,
            covariance_m2=fix.covariance_m2,
            reason=fix.reason,
            sentence=fix.sentence,
            score=float(fix.candidates.score[0]) if found else math.nan,
            margin=self._margin(fix.candidates.ids, fix.candidates.score),
            top_tile=top_tile,
            true_tile=true_tile,
            top_tile_error_m=top_tile_error_m,
            oracle_error_m=oracle_error_m,
            latency_ms=latency_ms,
            name=name,
            refined=fix.is_refined,
            attitude_m=fix.attitude_m,
        )

    def _margin(self, ids: Int64Array, scores: Float64Array) -> float:
        if ids.size == 0:
            return math.nan
        margin = score_margin(self._centres_m[ids], self._size_m[ids], scores)
        return margin if math.isfinite(margin) else math.nan

    def _tiles_at(
        self, latitude: float, longitude: float, offset_m: tuple[float, float], top_tile: int
    ) -> tuple[int, float, float]:
        if not all(map(math.isfinite, (latitude, longitude, *offset_m))):
            return -1, math.nan, math.nan
        camera_m = np.array(self._frame.to_local(latitude, longitude), dtype=np.float64)
        centre_m = camera_m - np.array(offset_m)
        distance_m, nearest = self._tree.query(centre_m)
        error_m = float(np.hypot(*(self._centres_m[top_tile] - centre_m))) if top_tile >= 0 else math.nan
        return int(nearest), float(distance_m), error_m


@dataclass(frozen=True)
class EvaluationRun:
    """An evaluated flight, the input of a report.

    Attributes:
        title: one line that names flight and map.
        records: one record for each frame, in stamp order.
        map_directory: the map that was searched.
        notes: facts for the reader by name, such as the source of the truth.
        groups: groups of frames that get a column of their own in the table: name to stamps of the frames.
        views: images that the encoder saw, by stamp, for the plot of the worst frames; may be incomplete.
        kidnaps_ns: stamps of the kidnaps; None detects them as jumps of the truth.
        calibration: calibration of the evaluated model, already applied to the covariances; None if unknown.
        filtered: whether a filter ran over the flight; if not, each frame was localized on its own.
        remarks: sentences about the recording that the reader must know, such as truth that was left out, or
            doubtful inputs although frames were answered.

    Raises:
        BagError: if no frame has a truth.
    """

    title: str
    records: tuple[Record, ...]
    map_directory: "MapDirectory"
    notes: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, frozenset[int]] = field(default_factory=dict)
    views: Mapping[int, Rgb] = field(default_factory=dict)
    kidnaps_ns: tuple[int, ...] | None = None
    calibration: "Calibration | None" = None
    filtered: bool = True
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not any(record.has_truth for record in self.records):
            why = " ".join(self.remarks) or (
                "check that truth and images share one clock, and that the truth covers the frames."
            )
            raise BagError(f"{self.title}: no frame has a truth position at its stamp; {why}")
