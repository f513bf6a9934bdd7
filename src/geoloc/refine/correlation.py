# SPDX-License-Identifier: Apache-2.0
"""The method `ncc`: edge directions of the view, correlated with the map over shifts, headings and scales.

Coarse first: headings and scales at low resolution, those near the believed ones first, over all shifts that
keep the view inside the patch. Then fine: from the best of them to the top in heading and scale, at up to 160
pixels, with a paraboloid through the peak.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from geoloc.arrays import Float32Array
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import REGISTRATION_M, Patch, Registration, Verdict
from geoloc.refine.orientation import (
    Edges,
    correlate,
    shown,
    turned,
)
from geoloc.refine.peaks import Peak, best_elsewhere, find_peak, spread, vertex
from geoloc.refine.settings import RefinerSettings

_COARSE_PX, _FINE_PX = 64, 160  # sides of the view: the price does not grow with the encoder's input
_HEADING_STEP_RAD, _SCALE_STEP = math.radians(5.0), 0.06
_FINE_HEADING_RAD, _FINE_SCALE = math.radians(2.0), 0.025
_CLIMBS = 4
_APART = 1 / 16  # of a view: nearer peaks are one
_CONFIRM_SCORE, _CONFIRM_MARGIN = 0.25, 0.09
_CONTRADICT_SCORE = 0.10
_LEAST_WEALTH = 0.04
_TEMPERATURE = 0.02  # of a view that agrees by nothing; less as more of it is explained

_Step = tuple[int, int]  # of heading and of scale


@dataclass(frozen=True, eq=False)
class _Sight:
    """A view at one resolution: (S, S, 3), and where it shows ground, (S, S)."""

    rgb: Rgb
    mask: Float32Array

    @property
    def side_px(self) -> int:
        return len(self.mask)

    def resized(self, side_px: int) -> "_Sight":
        return _Sight(_resized(self.rgb, side_px), _resized(self.mask, side_px))

    def edges(self, heading_rad: float, scale: float) -> Edges:
        """Its edges, laid north-up."""
        rgb, mask = (turned(part, heading_rad, scale) for part in (self.rgb, self.mask))
        return Edges.of(rgb, mask)


@dataclass(frozen=True, eq=False)
class _Coarse:
    """Where the view lies, roughly.

    Attributes:
        heading_rad, scale: its pose.
        peak: row and column as in `correlate`.
        margin: how much more the edges agree there than at any other shift.
        wealth: of edges, of the poorer of view and map.
    """

    heading_rad: float
    scale: float
    peak: Peak
    margin: float
    wealth: float


class OrientationCorrelation:
    """Correlates edge directions; see `geoloc.refine.contract.Method`.

    Args:
        settings: how far to search.
    """

    name = "ncc"

    def __init__(self, settings: RefinerSettings) -> None:
        self._min_overlap = settings.min_overlap
        turns, self._turn_rad = _steps(math.radians(settings.max_heading_error_deg), _HEADING_STEP_RAD)
        growths, self._growth = _steps(settings.max_scale_error, _SCALE_STEP)
        steps = list(product(range(-turns, turns + 1), range(-growths, growths + 1)))
        near = [at for at in steps if max(map(abs, at)) <= 1]
        self._rings = [near, [at for at in steps if at not in near]]

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Lay a view, uint8 (S, S, 3), on a wider patch."""
        # Where, roughly: any shift, heading and scale
        sight = _Sight(view, shown(view))
        coarse = self._search(sight, patch)
        if coarse.peak.score <= -1.0:
            return Registration.nothing(Verdict.UNDECIDED, "the map has too little imagery around this place")

        # Where, exactly
        fine = sight.resized(min(_FINE_PX, sight.side_px))
        climb = _Climb(fine, _ground(patch, fine.side_px / sight.side_px), coarse)
        heading_rad, scale, peak = climb.top()

        # Is this the place, and how well is it known?
        verdict, sentence = _judge(peak, coarse)
        pixel_m = len(view) * patch.gsd_m / climb.side_px
        temperature = _TEMPERATURE * (1.0 - peak.score**2)
        covariance = spread(peak.curvature, temperature, climb.side_px / 4) + np.eye(2) / 12
        to_east_north = np.array([[0.0, 1.0], [-1.0, 0.0]]) * pixel_m
        east_m, north_m = to_east_north @ (np.array([peak.row, peak.column]) - climb.middle)
        return Registration(
            verdict=verdict,
            score=peak.score,
            east_m=float(east_m),
            north_m=float(north_m),
            covariance_m2=to_east_north @ covariance @ to_east_north.T + np.eye(2) * REGISTRATION_M**2,
            rotation_rad=heading_rad,
            scale=scale,
            inliers=0,
            sentence=sentence,
        )

    def _search(self, sight: _Sight, patch: Patch) -> _Coarse:
        small = sight.resized(min(_COARSE_PX, sight.side_px))
        ground = _ground(patch, small.side_px / sight.side_px)
        surfaces: dict[_Step, Float32Array] = {}
        for ring in self._rings:
            for at in ring:
                surfaces[at] = correlate(ground, small.edges(*self._pose(*at)), self._min_overlap)
            best = max(surfaces, key=lambda at: float(surfaces[at].max()))
            if best == (0, 0):
                break  # what is farther off than the neighbours that lost need not be tried
        peak = find_peak(surfaces[best])
        apart = max(1, round(small.side_px * _APART))
        rival = best_elsewhere(np.max(list(surfaces.values()), axis=0), peak, apart)
        return _Coarse(
            *self._pose(*_between(best, {at: float(surface.max()) for at, surface in surfaces.items()})),
            peak=peak,
            margin=peak.score - max(0.0, rival),
            wealth=min(small.edges(0.0, 1.0).wealth, ground.wealth),
        )

    def _pose(self, turn: float, growth: float) -> tuple[float, float]:
        return turn * self._turn_rad, 1.0 + growth * self._growth


class _Climb:
    """The neighbourhood of the coarse peak at the fine resolution; poses are tried as they are asked for.

    Attributes:
        side_px: of the view.
        middle: row and column at which the view lies in the middle of the patch.
    """

    def __init__(self, sight: _Sight, ground: Edges, coarse: _Coarse) -> None:
        self._sight, self._coarse = sight, coarse
        self._known: dict[_Step, Float32Array] = {}
        side = self.side_px = sight.side_px
        room = len(ground.mask) - side
        self.middle = room / 2
        ratio = side / min(_COARSE_PX, side)
        centre = np.rint(np.array([coarse.peak.row, coarse.peak.column]) * ratio).astype(int)
        reach = math.ceil(2.5 * ratio)
        self._first, last = np.maximum(centre - reach, 0), np.minimum(centre + reach, room)
        rows, columns = (slice(a, b + side) for a, b in zip(self._first, last, strict=True))
        self._ground = ground.cut(rows, columns)

    def top(self) -> tuple[float, float, Peak]:
        """Heading, scale, and the peak in pixels of the fine patch."""
        at = (0, 0)
        for _ in range(_CLIMBS):
            better = max((at, *_beside(at)), key=self._score)
            if better == at:
                break
            at = better
        scores = {near: self._score(near) for near in (at, *_beside(at))}
        found = find_peak(self._surface(at))
        row, column = self._first + np.array([found.row, found.column])
        peak = Peak(row, column, found.score, found.curvature, found.inside)
        return *self._pose(*_between(at, scores)), peak

    def _score(self, at: _Step) -> float:
        return float(self._surface(at).max())

    def _surface(self, at: _Step) -> Float32Array:
        if at not in self._known:
            self._known[at] = correlate(self._ground, self._sight.edges(*self._pose(*at)))
        return self._known[at]

    def _pose(self, turn: float, growth: float) -> tuple[float, float]:
        return self._coarse.heading_rad + turn * _FINE_HEADING_RAD, self._coarse.scale + growth * _FINE_SCALE


def _judge(peak: Peak, coarse: _Coarse) -> tuple[Verdict, str]:
    score = peak.score
    if coarse.wealth < _LEAST_WEALTH:
        return Verdict.UNDECIDED, "view or map shows too few edges: water, fog or bare ground"
    if score < _CONTRADICT_SCORE:
        return (
            Verdict.CONTRADICTED,
            f"edges agree by {score:.2f}, less than {_CONTRADICT_SCORE:g}: this is another place",
        )
    if score < _CONFIRM_SCORE:
        return Verdict.UNDECIDED, f"edges agree by {score:.2f}; {_CONFIRM_SCORE:g} would confirm the place"
    if coarse.margin < _CONFIRM_MARGIN:
        return (
            Verdict.UNDECIDED,
            f"another shift agrees only {coarse.margin:.2f} less; {_CONFIRM_MARGIN:g} would tell them apart",
        )
    if not peak.inside:
        return Verdict.UNDECIDED, "the best shift is the farthest that was tried"
    return Verdict.CONFIRMED, f"edges agree by {score:.2f}, {coarse.margin:.2f} more than at any other shift"


def _steps(largest: float, step: float) -> tuple[int, float]:
    """How many equal steps lead to the largest value, and how long they are, no longer than `step`."""
    count = math.ceil(largest / step - 1e-9)
    return count, largest / max(count, 1)


def _beside(at: _Step) -> list[_Step]:
    turn, growth = at
    return [(turn - 1, growth), (turn + 1, growth), (turn, growth - 1), (turn, growth + 1)]


def _between(at: _Step, scores: Mapping[_Step, float]) -> tuple[float, float]:
    """The best pose near a step, by a parabola along each axis on which its neighbours are known."""
    less, more, smaller, larger = (scores.get(near) for near in _beside(at))
    turn = 0.0 if less is None or more is None else vertex(less, scores[at], more)
    growth = 0.0 if smaller is None or larger is None else vertex(smaller, scores[at], larger)
    return at[0] + turn, at[1] + growth


def _ground(patch: Patch, ratio: float) -> Edges:
    """Edges of a patch at a lower resolution: `ratio` times as many pixels a side."""
    valid, side_px = patch.valid.astype(np.float32), round(len(patch.rgb) * ratio)
    return Edges.of(_resized(patch.rgb, side_px), _resized(valid, side_px))


def _resized(picture: NDArray[Any], side_px: int) -> NDArray[Any]:
    if len(picture) == side_px:
        return picture
    return np.asarray(cv2.resize(picture, (side_px, side_px), interpolation=cv2.INTER_AREA))
