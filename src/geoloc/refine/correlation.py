# SPDX-License-Identifier: Apache-2.0
"""Method `ncc`: correlates edge directions of the view with the map over shifts, headings and scales.

The coarse pass tries headings and scales at low resolution, beginning with the assumed ones, over all shifts
that keep the view inside the patch. The fine pass climbs from the best of them in heading and scale, at up to
160 pixels, and fits a paraboloid to the peak.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from geoloc.arrays import Float32Array
from geoloc.raster.colours import Rgb
from geoloc.refine.contract import (
    MAX_HEADING_ERROR_DEG,
    MAX_SCALE_ERROR,
    REGISTRATION_M,
    Patch,
    Registration,
    Verdict,
)
from geoloc.refine.orientation import Edges, correlate, ground_mask, north_up, resized
from geoloc.refine.peaks import Peak, best_rival, find_peak, spread, vertex

_COARSE_PX, _FINE_PX = 64, 160  # sides of the view, so that the cost does not depend on the encoder
_HEADING_STEP_RAD, _SCALE_STEP = math.radians(5.0), 0.06
_FINE_HEADING_RAD, _FINE_SCALE = math.radians(2.0), 0.025
_MAX_CLIMBS = 4
_MIN_OVERLAP = 0.5  # least share of a view on imagery of the map
_APART = 1 / 16  # of a view's side; closer peaks count as one
_CONFIRM_SCORE, _CONFIRM_MARGIN = 0.25, 0.09
_CONTRADICT_SCORE = 0.10
_MIN_ENERGY = 0.04
_TEMPERATURE = 0.02  # at correlation 0; it falls as the correlation rises

_Step = tuple[int, int]  # steps of heading and scale


@dataclass(frozen=True, eq=False)
class _MaskedView:
    """View (S, S, 3) at one resolution, with a mask (S, S) of where it shows ground."""

    rgb: Rgb
    mask: Float32Array

    @property
    def side_px(self) -> int:
        return len(self.mask)

    def resized(self, side_px: int) -> "_MaskedView":
        return _MaskedView(resized(self.rgb, side_px), resized(self.mask, side_px))

    def edges(self, heading_rad: float, scale: float) -> Edges:
        """Return the edges of the view, turned north-up."""
        rgb, mask = (north_up(part, heading_rad, scale) for part in (self.rgb, self.mask))
        return Edges.of(rgb, mask)


@dataclass(frozen=True, eq=False)
class _CoarseMatch:
    """Result of the coarse pass.

    Attributes:
        heading_rad, scale: heading and scale of the view.
        peak: peak of the correlation, with row and column as in `correlate`.
        margin: lead of the peak's correlation over any other shift.
        energy: mean energy of the edges, the smaller one of view and map.
    """

    heading_rad: float
    scale: float
    peak: Peak
    margin: float
    energy: float


class OrientationCorrelation:
    """Correlates edge directions; see `geoloc.refine.contract.Method`."""

    name = "ncc"

    def __init__(self) -> None:
        turns, self._turn_rad = _steps(math.radians(MAX_HEADING_ERROR_DEG), _HEADING_STEP_RAD)
        growths, self._growth = _steps(MAX_SCALE_ERROR, _SCALE_STEP)
        steps = list(product(range(-turns, turns + 1), range(-growths, growths + 1)))
        near = [at for at in steps if max(map(abs, at)) <= 1]
        self._rings = [near, [at for at in steps if at not in near]]

    def register(self, view: Rgb, patch: Patch) -> Registration:
        """Register a view, uint8 (S, S, 3), with a wider patch."""
        # Coarse: any shift, heading and scale
        masked = _MaskedView(view, ground_mask(view))
        coarse = self._search(masked, patch)
        if coarse.peak.score <= -1.0:
            return Registration.nothing(Verdict.UNDECIDED, "the map has too little imagery around this place")

        # Fine: climb to the peak in shift, heading and scale
        fine = masked.resized(min(_FINE_PX, masked.side_px))
        climb = _HillClimb(fine, ground_edges(patch, fine.side_px / masked.side_px), coarse)
        heading_rad, scale, peak = climb.top()

        # Verdict and covariance
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

    def _search(self, masked: _MaskedView, patch: Patch) -> _CoarseMatch:
        small = masked.resized(min(_COARSE_PX, masked.side_px))
        ground = ground_edges(patch, small.side_px / masked.side_px)
        surfaces: dict[_Step, Float32Array] = {}
        for ring in self._rings:
            for at in ring:
                surfaces[at] = correlate(ground, small.edges(*self._pose(*at)), _MIN_OVERLAP)
            best = max(surfaces, key=lambda at: float(surfaces[at].max()))
            if best == (0, 0):
                break  # the neighbours score less, so poses beyond them are not tried
        peak = find_peak(surfaces[best])
        apart = max(1, round(small.side_px * _APART))
        rival = best_rival(np.max(list(surfaces.values()), axis=0), peak, apart)
        return _CoarseMatch(
            *self._pose(*_between(best, {at: float(surface.max()) for at, surface in surfaces.items()})),
            peak=peak,
            margin=peak.score - max(0.0, rival),
            energy=min(small.edges(0.0, 1.0).mean_energy, ground.mean_energy),
        )

    def _pose(self, turn: float, growth: float) -> tuple[float, float]:
        return turn * self._turn_rad, 1.0 + growth * self._growth


class _HillClimb:
    """Search around the coarse peak at the fine resolution; poses are correlated on demand.

    Attributes:
        side_px: side of the view.
        middle: row and column of a view in the middle of the patch.
    """

    def __init__(self, masked: _MaskedView, ground: Edges, coarse: _CoarseMatch) -> None:
        self._masked, self._coarse = masked, coarse
        self._surfaces: dict[_Step, Float32Array] = {}
        side = self.side_px = masked.side_px
        room = len(ground.mask) - side
        self.middle = room / 2
        ratio = side / min(_COARSE_PX, side)
        centre = np.rint(np.array([coarse.peak.row, coarse.peak.column]) * ratio).astype(int)
        reach = math.ceil(2.5 * ratio)
        self._first, last = np.maximum(centre - reach, 0), np.minimum(centre + reach, room)
        rows, columns = (slice(a, b + side) for a, b in zip(self._first, last, strict=True))
        self._ground = ground.crop(rows, columns)

    def top(self) -> tuple[float, float, Peak]:
        """Return heading, scale, and the peak in pixels of the fine patch."""
        at = (0, 0)
        for _ in range(_MAX_CLIMBS):
            better = max((at, *_neighbours(at)), key=self._score)
            if better == at:
                break
            at = better
        scores = {near: self._score(near) for near in (at, *_neighbours(at))}
        found = find_peak(self._surface(at))
        row, column = self._first + np.array([found.row, found.column])
        peak = Peak(row, column, found.score, found.curvature, found.inside)
        return *self._pose(*_between(at, scores)), peak

    def _score(self, at: _Step) -> float:
        return float(self._surface(at).max())

    def _surface(self, at: _Step) -> Float32Array:
        if at not in self._surfaces:
            self._surfaces[at] = correlate(self._ground, self._masked.edges(*self._pose(*at)))
        return self._surfaces[at]

    def _pose(self, turn: float, growth: float) -> tuple[float, float]:
        return self._coarse.heading_rad + turn * _FINE_HEADING_RAD, self._coarse.scale + growth * _FINE_SCALE


def _judge(peak: Peak, coarse: _CoarseMatch) -> tuple[Verdict, str]:
    score = peak.score
    if coarse.energy < _MIN_ENERGY:
        return Verdict.UNDECIDED, "the view or the map shows too few edges: water, fog or bare ground"
    if score < _CONTRADICT_SCORE:
        return (
            Verdict.CONTRADICTED,
            f"the edges correlate by {score:.2f}, less than {_CONTRADICT_SCORE:g}: this is another place",
        )
    if score < _CONFIRM_SCORE:
        return Verdict.UNDECIDED, f"the edges correlate by {score:.2f}; {_CONFIRM_SCORE:g} is needed"
    if coarse.margin < _CONFIRM_MARGIN:
        return (
            Verdict.UNDECIDED,
            f"another shift correlates only {coarse.margin:.2f} less; {_CONFIRM_MARGIN:g} is needed",
        )
    if not peak.inside:
        return Verdict.UNDECIDED, "the best shift lies at the edge of the search"
    return (
        Verdict.CONFIRMED,
        f"the edges correlate by {score:.2f}, {coarse.margin:.2f} more than at any other shift",
    )


def _steps(largest: float, step: float) -> tuple[int, float]:
    """Divide the largest value into equal steps of at most `step`; return their number and length."""
    count = math.ceil(largest / step - 1e-9)
    return count, largest / max(count, 1)


def _neighbours(at: _Step) -> list[_Step]:
    turn, growth = at
    return [(turn - 1, growth), (turn + 1, growth), (turn, growth - 1), (turn, growth + 1)]


def _between(at: _Step, scores: Mapping[_Step, float]) -> tuple[float, float]:
    """Interpolate the best pose near a step by a parabola along each axis that has scores on both sides."""
    less, more, smaller, larger = (scores.get(near) for near in _neighbours(at))
    turn = 0.0 if less is None or more is None else vertex(less, scores[at], more)
    growth = 0.0 if smaller is None or larger is None else vertex(smaller, scores[at], larger)
    return at[0] + turn, at[1] + growth


def ground_edges(patch: Patch, ratio: float) -> Edges:
    """Return the edges of a patch at a lower resolution, with `ratio` times as many pixels per side."""
    valid, side_px = patch.valid.astype(np.float32), round(len(patch.rgb) * ratio)
    return Edges.of(resized(patch.rgb, side_px), resized(valid, side_px))
