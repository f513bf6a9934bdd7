# SPDX-License-Identifier: Apache-2.0
"""The recipe: read the map around a place, lay the view on it, say where its centre is, if it is there."""

import importlib
import math
import time
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, cast

import numpy as np

from geoloc.arrays import Float64Array
from geoloc.errors import FrameRefused, ModelError, ParameterError, Reason
from geoloc.raster.colours import Rgb
from geoloc.raster.views import Raster
from geoloc.refine.contract import (
    Method,
    Patch,
    Registration,
    Verdict,
)
from geoloc.refine.correlation import OrientationCorrelation
from geoloc.refine.keypoints import KeypointRegistration, Matcher, SiftMatcher
from geoloc.refine.settings import AUTO, RefinerSettings
from geoloc.refine.shifts import EncoderShifts

if TYPE_CHECKING:
    from geoloc.encoder import Encoder
    from geoloc.fix import Candidates
    from geoloc.mapping.directory import MapDirectory

_LEAST_PX = 16
_REACH = 0.5  # of a view: how far the search from one place reaches; other tiles nearer by are the same place
_REACH_STEP = 1 / 16  # so that a patch has whole pixels at every resolution it is looked at in
_SHORTEST_REACH = 2 * _REACH_STEP  # under it no rival is left that a peak could be compared with
_RANK = {Verdict.CONTRADICTED: 0, Verdict.UNDECIDED: 1, Verdict.CONFIRMED: 2}


@dataclass(frozen=True)
class _Place:
    """A square of the map that may be the view's.

    Attributes:
        row: of the candidate it stands for; -1 for none.
        east_m, north_m: its centre.
        size_m: its side.
        reach: how far from it the view is looked for, as a share of its side.
    """

    row: int
    east_m: float
    north_m: float
    size_m: float
    reach: float = _REACH


@dataclass(frozen=True, eq=False)
class Refinement:
    """Where the view's centre is, to metres, or that it could not be said.

    Attributes:
        verdict: CONFIRMED where geometry shows the place, UNDECIDED where it does not tell, CONTRADICTED
            where every place that was tried shows other ground.
        east_m, north_m: the view's centre in the map's frame; NaN unless confirmed.
        covariance_m2: (2, 2) of that, east-north, metres²; NaN unless confirmed.
        rotation_rad: where the view's top really points, clockwise from north; NaN unless confirmed.
        scale: width of the ground in the view over the map's `view_size_m`; NaN unless confirmed.
        inliers: matched points that agree with one another; 0 for methods without points.
        score: of the method: a correlation, a cosine, or inliers.
        candidate: row of the candidate that this is about; -1 where there was none.
        method: that found it.
        sentence: the verdict's grounds, with the measured value and the limit.
        elapsed_ms: what it took, reading the map included.
    """

    verdict: Verdict
    east_m: float
    north_m: float
    covariance_m2: Float64Array
    rotation_rad: float
    scale: float
    inliers: int
    score: float
    candidate: int
    method: str
    sentence: str
    elapsed_ms: float


class Refiner:
    """Lays views on the picture of one map; a context manager, for use from one thread.

    Args:
        map_directory: an open map.
        settings: the method and how far it searches.
        encoder: for the method `features` alone.

    Raises:
        ModelError: the method's weights or packages are missing.
        ParameterError: the method is off, or needs an encoder or a folder of weights that was not given.
    """

    def __init__(
        self,
        map_directory: "MapDirectory",
        settings: RefinerSettings | None = None,
        encoder: "Encoder | None" = None,
    ) -> None:
        self.settings = settings or RefinerSettings()
        self._method = make_method(self.settings, encoder)
        self._view_size_m = map_directory.view_size_m
        self._map = map_directory

    def refine(self, view_image: Rgb, candidates: "Candidates") -> Refinement:
        """Try the best places among candidate tiles, half a view around each, until one is confirmed.

        Args:
            view_image: uint8 (S, S, 3), north-up, as wide on the ground as the map's tiles.
            candidates: tiles, best first; those near a better one are the same place.

        Raises:
            FrameRefused: the view is no picture.
            RasterError: the map's picture is missing, or damaged there.
        """
        places = _distinct(candidates, self._map.tiles["size_m"][candidates.ids])
        return self._try(view_image, places[: self.settings.places])

    def refine_at(
        self, view_image: Rgb, east_m: float, north_m: float, reach_m: float = math.inf
    ) -> Refinement:
        """Look around one place of the map's frame, such as a filter's mean; else as `refine`.

        Args:
            view_image: as in `refine`.
            east_m, north_m: the place.
            reach_m: how far from it the view's centre may lie, north, south, east and west; an eighth of a
                view at least and half of one at most is searched. Matched points may agree on a place beyond.

        Raises:
            ParameterError: the place or the reach is not a number.
        """
        if not (math.isfinite(east_m) and math.isfinite(north_m)) or math.isnan(reach_m):
            raise ParameterError(
                f"the place to look at is ({east_m}, {north_m}) m, the reach {reach_m} m; give three numbers"
            )
        reach = min(max(reach_m / self._view_size_m, _SHORTEST_REACH), _REACH)
        return self._try(view_image, [_Place(0, east_m, north_m, self._view_size_m, reach)])

    def close(self) -> None:
        """Release the map's picture."""
        if "_raster" in self.__dict__:
            self._raster.close()
            del self._raster

    @cached_property
    def _raster(self) -> Raster:
        return self._map.raster()  # opened by the thread that looks at it

    def __enter__(self) -> "Refiner":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self, view_image: Rgb, places: list[_Place]) -> Refinement:
        began = time.perf_counter()
        view = checked_view(view_image)
        tried: list[tuple[_Place, Registration]] = []
        for place in places:
            tried.append((place, self._method.register(view, self._patch(place, len(view)))))
            if tried[-1][1].verdict is Verdict.CONFIRMED:
                break
        if tried:
            place, found = max(tried, key=lambda one: (_RANK[one[1].verdict], one[1].score))
        else:
            place = _Place(-1, math.nan, math.nan, math.nan)
            found = Registration.nothing(Verdict.UNDECIDED, "there is no candidate to look at")
        return self._answer(place, found, 1e3 * (time.perf_counter() - began))

    def _patch(self, place: _Place, view_px: int) -> Patch:
        gsd_m, steps = place.size_m / view_px, math.ceil(place.reach / _REACH_STEP)
        side_px = view_px + 2 * round(steps * _REACH_STEP * view_px)
        rgb, valid = self._raster.view(place.east_m, place.north_m, side_px * gsd_m, side_px)
        return Patch(rgb, valid, gsd_m)

    def _answer(self, place: _Place, found: Registration, elapsed_ms: float) -> Refinement:
        trusted = 1.0 if found.verdict is Verdict.CONFIRMED else math.nan
        return Refinement(
            verdict=found.verdict,
            east_m=trusted * (place.east_m + found.east_m),
            north_m=trusted * (place.north_m + found.north_m),
            covariance_m2=trusted * found.covariance_m2,
            rotation_rad=trusted * found.rotation_rad,
            scale=trusted * found.scale * place.size_m / self._view_size_m,
            inliers=found.inliers,
            score=found.score,
            candidate=place.row,
            method=self._method.name,
            sentence=found.sentence,
            elapsed_ms=elapsed_ms,
        )


def make_method(settings: RefinerSettings, encoder: "Encoder | None" = None) -> Method:
    """The method that settings ask for.

    Raises:
        ModelError: its weights or packages are missing.
        ParameterError: it is off, or needs an encoder or a folder of weights that was not given.
    """
    if settings.method in (AUTO, "auto"):
        return OrientationCorrelation(settings)
    if settings.method == "sift":
        return KeypointRegistration(SiftMatcher(), settings)
    if settings.method == "features":
        if encoder is None:
            raise ParameterError("method 'features' needs the encoder that described the map; give it one")
        return EncoderShifts(encoder, settings)
    if settings.method == "lightglue":
        return KeypointRegistration(_lightglue(settings), settings)
    raise ParameterError("refinement is off; make no refiner, or choose a method")


def checked_view(view: Rgb) -> Rgb:
    """The view, or a refusal of what is no picture.

    Raises:
        FrameRefused: BAD_IMAGE for another type or shape, or a side under 16 pixels.
    """
    square = view.ndim == 3 and view.shape[0] == view.shape[1] and view.shape[2] == 3
    if not square or view.dtype != np.uint8 or len(view) < _LEAST_PX:
        raise FrameRefused(
            Reason.BAD_IMAGE,
            f"the view is {view.dtype} of shape {view.shape}; RGB uint8 of shape (S, S, 3) is needed, S at "
            f"least {_LEAST_PX}",
        )
    return view


def _distinct(candidates: "Candidates", size_m: Float64Array) -> list[_Place]:
    """Places of candidates, best first, without those that a search around a better one covers."""
    places: list[_Place] = []
    for row, (east_m, north_m, side_m) in enumerate(
        zip(candidates.east_m, candidates.north_m, size_m, strict=True)
    ):
        apart_m = (max(abs(east_m - place.east_m), abs(north_m - place.north_m)) for place in places)
        if all(apart > _REACH * side_m for apart in apart_m):
            places.append(_Place(row, float(east_m), float(north_m), float(side_m)))
    return places


def _lightglue(settings: RefinerSettings) -> Matcher:
    if settings.weights is None:
        raise ParameterError("method 'lightglue' needs `weights`, the folder of its two files")
    try:
        module = importlib.import_module("geoloc.refine.torch_lightglue")
    except ImportError as error:
        raise ModelError(
            f"method 'lightglue' is not installed ({error}); run `pip install torch kornia`"
        ) from error
    return cast(Matcher, module.LightGlueMatcher(settings.weights))
