# SPDX-License-Identifier: Apache-2.0
"""The recipe: describe a view, look it up among the map's tiles, believe, answer or say why not."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geoloc import integrity
from geoloc.errors import FrameRefused, ParameterError, Reason

if TYPE_CHECKING:
    from geoloc.camera.views import View
    from geoloc.encoder import Encoder
    from geoloc.mapping.directory import MapDirectory

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class LocalizerSettings:
    """What may be tuned; the defaults are meant to fly.

    Attributes:
        k: candidate tiles handed on for a look at the alternatives.
        min_score: cosine under which the best tile is not believed; -1 believes any.
        min_margin: how much better than any other place the best tile must score; 0 asks for nothing.
        temperature: of the softmax that turns cosines into weights; smaller trusts the best tile more.

    Raises:
        ParameterError: for a value outside its range.
    """

    k: int = 10
    min_score: float = -1.0
    min_margin: float = 0.0
    temperature: float = 0.1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ParameterError(f"k is {self.k}; ask for at least one candidate")
        if not -1.0 <= self.min_score <= 1.0:
            raise ParameterError(f"min_score is {self.min_score}; a cosine lies between -1 and 1")
        if not 0.0 <= self.min_margin <= 2.0:
            raise ParameterError(
                f"min_margin is {self.min_margin}; the gap of two cosines lies between 0 and 2"
            )
        if not (math.isfinite(self.temperature) and self.temperature > 0.0):
            raise ParameterError(f"temperature is {self.temperature}; it must be a number above 0")


@dataclass(frozen=True)
class Candidates:
    """The tiles that look most like the view, best first; every array has the same length (k or fewer)."""

    ids: Ids
    latitude_deg: Floats
    longitude_deg: Floats
    east_m: Floats
    north_m: Floats
    score: Floats

    @classmethod
    def none(cls) -> "Candidates":
        """No candidates, of a frame that was never looked up."""
        empty = np.empty(0)
        return cls(np.empty(0, dtype=np.int64), empty, empty, empty, empty, empty)


@dataclass(frozen=True)
class Fix:
    """Where the camera was at `stamp_ns`, or why that is not known.

    Attributes:
        stamp_ns: stamp of the image the answer belongs to.
        latitude_deg, longitude_deg: camera position, WGS 84; NaN where there is a reason.
        east_m, north_m: the same in the map's frame; NaN where there is a reason.
        covariance_m2: (2, 2) east-north, metres²; NaN where there is a reason.
        reason: None for a fix.
        sentence: what was wrong; empty for a fix.
        candidates: the best tiles, also of a refused frame that was looked up.
    """

    stamp_ns: int
    latitude_deg: float
    longitude_deg: float
    east_m: float
    north_m: float
    covariance_m2: Floats
    reason: Reason | None
    sentence: str
    candidates: Candidates

    @classmethod
    def refused(cls, stamp_ns: int, refusal: FrameRefused, candidates: Candidates | None = None) -> "Fix":
        """Return the fix of a frame that gets none."""
        nan = math.nan
        unknown = np.full((2, 2), nan)
        known = Candidates.none() if candidates is None else candidates
        return cls(stamp_ns, nan, nan, nan, nan, unknown, refusal.reason, refusal.sentence, known)


@dataclass(frozen=True)
class Belief:
    """Where the view's centre may be: tiles and weights, their mean in the map's frame, its covariance."""

    ids: Ids
    weights: Floats
    east_m: float
    north_m: float
    covariance_m2: Floats
    score: float
    margin: float


class Localizer:
    """Looks views up in one map.

    Args:
        map_directory: an open map.
        encoder: describes views; None where descriptors come from elsewhere and only `answer` is used.
        settings: thresholds and temperature.

    Raises:
        ParameterError: where the encoder is not the one the map was built with.
    """

    def __init__(
        self,
        map_directory: "MapDirectory",
        encoder: "Encoder | None",
        settings: LocalizerSettings | None = None,
    ) -> None:
        if encoder is not None and encoder.card.sha256 != map_directory.model_sha256:
            raise ParameterError(
                f"the map was built with model {map_directory.model_id}, the encoder is {encoder.card.id}: "
                "rebuild the map with `geoloc map build`"
            )
        self.settings = settings or LocalizerSettings()
        self._map = map_directory
        self._encoder = encoder
        self._frame = map_directory.frame  # kept: making its projection takes milliseconds
        self._index = map_directory.index()
        tiles = map_directory.tiles
        self._centres_m = np.column_stack([tiles["east_m"], tiles["north_m"]]).astype(np.float64)
        self._size_m = np.asarray(tiles["size_m"], dtype=np.float64)
        self._level = np.asarray(tiles["level"])
        self._tree = cKDTree(self._centres_m)
        self._bounds_m = _reach(self._centres_m, self._size_m, map_directory.view_size_m)
        self._depth = _search_depth(self.settings.k, self._size_m, map_directory)

    def localize(self, view: "View") -> Fix:
        """Return the camera's position from one view of the ground."""
        if self._encoder is None:
            raise ParameterError(
                "this localizer has no encoder: give it one, or call answer() with a descriptor"
            )
        descriptor = self._encoder.describe(view.image[None])[0]
        return self.answer(descriptor, view.offset_east_m, view.offset_north_m, view.stamp_ns)

    def answer(
        self, descriptor: NDArray[np.floating], offset_east_m: float, offset_north_m: float, stamp_ns: int
    ) -> Fix:
        """Return the camera's position from a descriptor (D,) and the view's offset to the camera.

        A frame that cannot be answered comes back as a `Fix` with a reason; nothing is raised.
        """
        candidates = Candidates.none()
        try:
            # Is this a descriptor, and does it say where the camera stood over it?
            query = integrity.checked_descriptor(descriptor, self._map.descriptors.shape[1])
            integrity.check_offset(offset_east_m, offset_north_m)

            # Look up the tiles most like it
            scores, ids = self._look_up(query)
            candidates = self._candidates(scores, ids)

            # Believe: this frame alone today; the filter over time takes its place here
            belief = self._believe(query, scores, ids)

            # Refuse rather than guess
            integrity.check_score(belief.score, self.settings.min_score)
            integrity.check_margin(belief.margin, self.settings.min_margin)

            # Answer for the camera, not for the ground it looks at
            return self._fix(belief, offset_east_m, offset_north_m, stamp_ns, candidates)
        except FrameRefused as refusal:
            return Fix.refused(stamp_ns, refusal, candidates)

    def _look_up(self, query: NDArray[np.float32]) -> tuple[Floats, Ids]:
        scores, ids = self._index.search(query[None], self._depth)
        found = ids[0] >= 0  # an approximate index pads with -1
        return scores[0][found].astype(np.float64), ids[0][found].astype(np.int64)

    def _candidates(self, scores: Floats, ids: Ids) -> Candidates:
        best = ids[: self.settings.k]
        tiles = self._map.tiles[best]
        east_m, north_m = self._centres_m[best].T
        return Candidates(best, tiles["latitude"], tiles["longitude"], east_m, north_m, scores[: len(best)])

    def _believe(self, query: NDArray[np.float32], scores: Floats, ids: Ids) -> Belief:
        best = int(ids[0])
        near = self._neighbourhood(best)
        likeness = np.asarray(self._map.descriptors[near], dtype=np.float64) @ query.astype(np.float64)
        weights = softmax(likeness, self.settings.temperature)
        east_m, north_m = weights @ self._centres_m[near]
        covariance = integrity.covariance_m2(self._centres_m[near], weights, self._pitch_m(best))
        margin = float(scores[0]) - self._best_elsewhere(best, scores, ids)
        return Belief(near, weights, float(east_m), float(north_m), covariance, float(scores[0]), margin)

    def _neighbourhood(self, best: int) -> Ids:
        """Return the best tile and those of its level one pitch away, diagonals included."""
        near = self._tree.query_ball_point(self._centres_m[best], 1.25 * self._pitch_m(best), p=np.inf)
        ids = np.sort(np.asarray(near, dtype=np.int64))
        return np.asarray(ids[self._level[ids] == self._level[best]], dtype=np.int64)

    def _best_elsewhere(self, best: int, scores: Floats, ids: Ids) -> float:
        """Return the best score of a tile that shares no ground with the best one, or -inf."""
        apart_m = np.abs(self._centres_m[ids] - self._centres_m[best]).max(axis=1)
        touching_m = (self._size_m[ids] + self._size_m[best]) / 2.0
        rivals = scores[apart_m >= touching_m * (1.0 - 1e-6)]
        return float(rivals[0]) if rivals.size else -math.inf

    def _pitch_m(self, tile: int) -> float:
        return float(self._map.pitch_m * self._size_m[tile] / self._map.view_size_m)

    def _fix(
        self,
        belief: Belief,
        offset_east_m: float,
        offset_north_m: float,
        stamp_ns: int,
        candidates: Candidates,
    ) -> Fix:
        east_m, north_m = belief.east_m + offset_east_m, belief.north_m + offset_north_m
        integrity.check_on_map(east_m, north_m, self._bounds_m)
        latitude, longitude = self._frame.to_geodetic(east_m, north_m)
        return Fix(
            stamp_ns,
            float(latitude),
            float(longitude),
            east_m,
            north_m,
            belief.covariance_m2,
            None,
            "",
            candidates,
        )


def softmax(scores: Floats, temperature: float) -> Floats:
    """Turn scores (n,) into weights that sum to one."""
    powers = np.exp((scores - scores.max()) / temperature)
    return np.asarray(powers / powers.sum(), dtype=np.float64)


def _reach(centres_m: Floats, size_m: Floats, view_size_m: float) -> tuple[float, float, float, float]:
    """Return left, bottom, right, top of the tiles and one view around: a camera may look in from outside."""
    half = size_m[:, None] / 2.0
    left, bottom = (centres_m - half).min(axis=0) - view_size_m
    right, top = (centres_m + half).max(axis=0) + view_size_m
    return float(left), float(bottom), float(right), float(top)


def _search_depth(k: int, size_m: Floats, map_directory: "MapDirectory") -> int:
    """Return how many tiles to look up so that the best tile of another place is surely among them."""
    across = 2 * math.ceil(map_directory.view_size_m / map_directory.pitch_m) + 1
    levels = len(np.unique(size_m))
    return int(min(len(size_m), max(k, across**2 * levels + 1)))
