# SPDX-License-Identifier: Apache-2.0
"""The recipe: describe a view, look it up among the map's tiles, believe, refine, refuse or answer."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float64Array, FloatArray
from geoloc.errors import FrameRefused, ParameterError
from geoloc.filter import (
    BayesFilter,
    Belief,
    Evidence,
    FilterSettings,
    FrameAlone,
    State,
    hypothesis_weights,
)
from geoloc.fix import Candidates, Fix
from geoloc.hypotheses import Hypotheses
from geoloc.refine import METHODS
from geoloc.refine.stage import Estimate, RefineStage
from geoloc.search.coarse_search import overview_where_it_pays
from geoloc.search.index import Index
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles
from geoloc.settings import check, group, setting

if TYPE_CHECKING:
    from geoloc.camera.views import View
    from geoloc.encoder import Encoder
    from geoloc.encoder.calibration import Calibration
    from geoloc.mapping.directory import MapDirectory
    from geoloc.raster.colours import Rgb

__all__ = ["Candidates", "Fix", "Localizer", "LocalizerSettings"]


@dataclass(frozen=True)
class LocalizerSettings:
    """What may be tuned; the defaults are meant to fly.

    Attributes:
        evidence: what look-ups are worth to the filter.
        calibration: what the model's answers turned out to be worth; from its card, None for no model's.

    Raises:
        ParameterError: for a value outside its range.
    """

    k: int = setting(10, "number of candidate tiles published with an answer", low=1, high=1000)
    filter: bool = setting(True, "filter over the whole flight; false localizes each frame alone")
    min_score: float = setting(
        -1.0,
        "with filter false: least cosine of the best tile; -1 accepts any",
        low=-1.0,
        high=1.0,
    )
    min_margin: float = setting(
        0.0,
        "with filter false: least lead of the best tile's cosine over any other place",
        low=0.0,
        high=2.0,
    )
    temperature: float = setting(
        0.1,
        "with filter false: temperature of the softmax over tiles; smaller trusts the best tile more",
        low=1e-4,
        high=10.0,
    )
    max_sigma_m: float = setting(
        0.0, "largest calibrated standard deviation of an answer; 0 accepts any", unit="m", low=0.0, high=1e4
    )
    refine: str = setting(
        "auto",
        "method that refines a sure position on the map's picture, to metres within a tile",
        choices=METHODS,
    )
    refine_weights: str = setting("", "folder of the learned matcher's weights, for refine lightglue")
    attitude_error_deg: float = setting(
        1.5,
        "standard deviation of roll and pitch; 1.5, measured on photos of a DJI, is 2.6 m on the ground from "
        "100 m",
        unit="deg",
        low=0.0,
        high=30.0,
    )
    motion: FilterSettings = group(FilterSettings)
    evidence: Evidence = field(default_factory=Evidence)
    hypotheses: Hypotheses = group(Hypotheses)
    calibration: "Calibration | None" = None

    def __post_init__(self) -> None:
        check(self)


class Localizer:
    """Looks the views of one flight up in one map.

    Args:
        map_directory: an open map.
        encoder: describes views, and shifted ones for `refine` features; None where descriptors come from
            elsewhere and only `answer` is used.
        settings: filter, thresholds and temperatures.

    Attributes:
        state: how far the belief has come.
        refinement: what refines the belief, and how that went so far.

    Raises:
        ModelError: where what `refine` asks for is not installed.
        ParameterError: where the encoder is not the one the map was built with, or `refine` needs one.
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
        self._tiles = Tiles(map_directory.tiles, map_directory.pitch_m, map_directory.view_size_m)
        # Who compares every frame with the whole map wants to know what all of it scores.
        searches = self.settings.filter and self.settings.motion.full_search_every > 1
        descriptors = map_directory.descriptors
        self._overview = overview_where_it_pays(self._tiles, descriptors) if searches else None
        self._bounds_m = self._tiles.reach_m(map_directory.view_size_m)
        rules = self.settings
        known, evidence, registration_m = rules.calibration, rules.evidence, 0.0
        if known is not None:
            evidence = replace(evidence, off_map_score=known.off_map_score)
            registration_m = known.registration_m
        bayes = BayesFilter(self._tiles, evidence, rules.motion, rules.hypotheses)
        alone = FrameAlone(self._tiles, rules.temperature, rules.min_score, rules.min_margin)
        self._filter = bayes if rules.filter else None
        self._believer = self._filter or alone
        self._rows = hypothesis_weights.alike(rules.hypotheses)
        self.state = State.STARTING if rules.filter else State.ALONE
        self.refinement = RefineStage(
            map_directory, rules.refine, encoder, rules.refine_weights, registration_m
        )

    def localize(self, view: "View") -> Fix:
        """Return the camera's position from one view of the ground."""
        if self._encoder is None:
            raise ParameterError(
                "this localizer has no encoder: give it one, or call answer() with a descriptor"
            )
        descriptors = self._encoder.describe(view.images)
        offset_m = view.offset_east_m, view.offset_north_m
        return self.answer(descriptors, *offset_m, view.stamp_ns, view.images, view.height_m)

    def answer(
        self,
        descriptor: FloatArray,
        offset_east_m: float,
        offset_north_m: float,
        stamp_ns: int,
        views: "Rgb | None" = None,
        height_m: float = math.nan,
    ) -> Fix:
        """Return the camera's position from a descriptor and the view's offset to the camera.

        The descriptor is (D,), or (n, D) with a row for each of the settings' hypotheses; the offset is that
        of row 0. The views themselves, uint8 (n, S, S, 3), serve refinement alone: without them the belief is
        answered as it is. By the height above ground the attitude's error counts; where it is not known, a
        view's width is taken for it.
        A frame that cannot be answered comes back as a `Fix` with a reason; nothing is raised.
        """
        look = None
        try:
            # Is this a descriptor, and does it say where the camera stood over it?
            tried = self.settings.hypotheses
            queries = integrity.checked_descriptors(descriptor, self._map.descriptors.shape[1], tried)
            integrity.check_offset(offset_east_m, offset_north_m)

            # Look up the tiles that matter: those around the track, or all
            offsets_m = tried.offsets_m((offset_east_m, offset_north_m))
            look = LookUp(queries, self._map.descriptors, offsets_m, lambda: self._index, self._overview)

            # Believe: what the flight so far, the motion and this look-up say together
            belief = self._believer.update(stamp_ns, look)
            self.state = belief.state
            look = self._believing(look, belief)

            # Refuse rather than guess
            if belief.refusal is not None:
                raise belief.refusal
            integrity.check_on_map(belief.east_m, belief.north_m, self._bounds_m)

            # Refine: lay the view on the map's picture, for metres within the tile
            row = int(self._rows.argmax())
            view = views[row] if views is not None and row < len(views) else None
            place = self.refinement.refine(self._estimate(belief), view, offsets_m[row])

            # Answer for the camera, not for the ground it looks at: attitude leads from the one to the other
            fix = self._fix(belief.stamp_ns, place, height_m, self._candidates(look))
            integrity.check_sigma(float(integrity.sigma_m(fix.covariance_m2)), self.settings.max_sigma_m)
            return fix
        except FrameRefused as refusal:
            return Fix.refused(stamp_ns, refusal, self._candidates(look))

    def add_odometry(
        self, stamp_ns: int, position_m: tuple[float, float], covariance_m2: Float64Array | None = None
    ) -> None:
        """Take a position (2,) in odometry's own frame, metres, and its covariance (2, 2) where it is known.

        Only differences count. The frame's axes are east and north, unless `odom_heading_known` is false.
        """
        if self._filter is not None:
            self._filter.add_odometry(stamp_ns, position_m, covariance_m2)

    def start_at(
        self,
        stamp_ns: int,
        latitude_deg: float,
        longitude_deg: float,
        covariance_m2: Float64Array | None = None,
    ) -> None:
        """Begin anew from a known position (WGS 84) and its covariance (2, 2) east-north; None where unknown.

        Raises:
            FrameRefused: OFF_MAP where it is no place on the map; the belief stays as it was.
        """
        if self._filter is not None:
            integrity.check_degrees(latitude_deg, longitude_deg)
            place_m = np.array(self._frame.to_local(latitude_deg, longitude_deg), dtype=np.float64)
            self.state = self._filter.set_prior(stamp_ns, place_m, covariance_m2).state

    def forget(self) -> None:
        """Forget where the drone is and search the whole map from the next frame on."""
        if self._filter is not None:
            self._filter.forget()
            self.state = State.STARTING

    @property
    def heading_offset_deg(self) -> float:
        """How far clockwise of the assumed heading the true one is believed to be; NaN where unknown."""
        return hypothesis_weights.heading_offset_deg(self._rows, self.settings.hypotheses)

    @property
    def height_scale(self) -> float:
        """How many times the assumed height the true one is believed to be; 1 before anything is known."""
        return hypothesis_weights.height_scale(self._rows, self.settings.hypotheses)

    def _believing(self, look: LookUp, belief: Belief) -> LookUp:
        if belief.rows is None:
            return look
        self._rows = belief.rows
        return look.under(belief.rows, self.settings.evidence.temperature)

    @cached_property
    def _index(self) -> Index:
        return self._map.index()

    def _candidates(self, look: LookUp | None) -> Candidates:
        if look is None:
            return Candidates.none()
        best, scores = look.best(self.settings.k)
        tiles = self._map.tiles[best]
        east_m, north_m = self._tiles.centres_m[best].T
        return Candidates(best, tiles["latitude"], tiles["longitude"], east_m, north_m, scores)

    def _estimate(self, belief: Belief) -> Estimate:
        """Return the belief, its covariance as beliefs of this model turned out to have, where measured."""
        known, covariance = self.settings.calibration, belief.covariance_m2
        mean_m = np.array([belief.east_m, belief.north_m])
        return Estimate(mean_m, covariance if known is None else integrity.calibrated(covariance, known))

    def _fix(self, stamp_ns: int, place: Estimate, height_m: float, candidates: Candidates) -> Fix:
        east_m, north_m = map(float, place.mean_m)
        latitude, longitude = self._frame.to_geodetic(east_m, north_m)
        height_m = height_m if math.isfinite(height_m) else self._map.view_size_m
        attitude_m = integrity.attitude_m(height_m, self.settings.attitude_error_deg)
        known = self.settings.calibration
        return Fix(
            stamp_ns,
            float(latitude),
            float(longitude),
            east_m,
            north_m,
            place.covariance_m2 + np.eye(2) * attitude_m**2,
            None,
            "",
            candidates,
            known is not None and known.is_measured(refined=place.refined),
            place.refined,
            attitude_m,
        )
