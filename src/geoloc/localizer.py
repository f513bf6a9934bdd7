# SPDX-License-Identifier: Apache-2.0
"""The localizer of one flight: describe a view, look it up in the map, filter, refine, refuse or answer."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from geoloc import integrity
from geoloc.arrays import Float32Array, Float64Array, UInt8Array
from geoloc.camera.repeats import RepeatedLooks
from geoloc.errors import FrameRefused, HintRefused, ParameterError
from geoloc.filter import (
    BayesFilter,
    Belief,
    FilterSettings,
    Hint,
    LikelihoodModel,
    OdometryTrust,
    SingleFrame,
    State,
    WeighedHint,
    hypothesis_weights,
)
from geoloc.fix import Candidates, Fix
from geoloc.hypotheses import Hypotheses
from geoloc.query import Query
from geoloc.refine import METHODS
from geoloc.refine.attitude_check import AttitudeCheck
from geoloc.refine.stage import Estimate, RefineStage
from geoloc.search.coarse_search import worthwhile_coarse_search
from geoloc.search.index import Index
from geoloc.search.lookup import LookUp
from geoloc.search.tiles import Tiles
from geoloc.settings import check, group, setting

if TYPE_CHECKING:
    from geoloc.camera.views import View
    from geoloc.encoder import Encoder
    from geoloc.encoder.calibration import Calibration
    from geoloc.mapping.directory import MapDirectory

__all__ = ["Candidates", "Fix", "Localizer", "LocalizerSettings", "Query"]

_NEW_GROUND = 0.05  # share of a view's width; a longer motion changes what the view shows


@dataclass(frozen=True)
class LocalizerSettings:
    """Settings of the localizer; the defaults suit most flights.

    Attributes:
        likelihood_model: model that turns the scores of look-ups into likelihoods.
        calibration: calibration of the model card; None leaves covariances as computed.

    Raises:
        ParameterError: if a value is outside its range.
    """

    k: int = setting(10, "number of candidate tiles published with an answer", low=1, high=1000)
    filter: bool = setting(True, "filter over the whole flight; false localizes each frame by itself")
    min_score: float = setting(
        -1.0,
        "least cosine of the best tile, if filter is false; -1 accepts any",
        low=-1.0,
        high=1.0,
    )
    min_margin: float = setting(
        0.0,
        "least lead of the best tile's cosine over any other place, if filter is false",
        low=0.0,
        high=2.0,
    )
    temperature: float = setting(
        0.1,
        "temperature of the softmax over tiles, if filter is false; a lower one trusts the best tile more",
        low=1e-4,
        high=10.0,
    )
    max_sigma_m: float = setting(
        0.0, "largest calibrated standard deviation of an answer; 0 accepts any", unit="m", low=0.0, high=1e4
    )
    refine: str = setting(
        "auto",
        "method that registers the view with the map's imagery, for metres within a tile",
        choices=METHODS,
    )
    refine_weights: str = setting(
        "", "folder with the learned matcher's weights, if refine is lightglue", path=True
    )
    attitude_error_deg: float = setting(
        1.5,
        "standard deviation of roll and pitch; the default was measured on photos of a DJI drone and is "
        "2.6 m on the ground from 100 m",
        unit="deg",
        low=0.0,
        high=30.0,
    )
    estimate_tilt: bool = setting(
        False,
        "correct each refined position by the roll and pitch that the view's perspective shows, for a drone "
        "whose attitude is poor; attitude_error_deg then says how poor",
    )
    motion: FilterSettings = group(FilterSettings)
    likelihood_model: LikelihoodModel = field(default_factory=LikelihoodModel)
    hypotheses: Hypotheses = group(Hypotheses)
    calibration: "Calibration | None" = None

    def __post_init__(self) -> None:
        check(self)


class Localizer:
    """Localizes the frames of one flight on one map.

    Args:
        map_directory: open map.
        encoder: encoder of views; None if only `answer` is used, with descriptors from another process.
        settings: filter, thresholds and temperatures.

    Attributes:
        state: state of the filter.
        hint: the last hint that was weighed; None if there was none.
        odometry: trust in odometry.
        refinement: stage that refines beliefs and counts the outcomes.

    Raises:
        ModelError: if the method of `refine` is not installed.
        ParameterError: if the map was built with another encoder.
    """

    def __init__(
        self,
        map_directory: "MapDirectory",
        encoder: "Encoder | None",
        settings: LocalizerSettings | None = None,
    ) -> None:
        if encoder is not None and encoder.card.sha256 != map_directory.model_sha256:
            raise ParameterError(
                f"the map was built with model {map_directory.model_id}, but the encoder is "
                f"{encoder.card.id}; rebuild the map with `geoloc map build`."
            )
        settings = settings or LocalizerSettings()
        self.settings = settings
        self._map = map_directory
        self._encoder = encoder
        self._frame = map_directory.frame  # kept, because creating its projection takes milliseconds
        self._tiles = Tiles(map_directory.tiles, map_directory.pitch_m, map_directory.view_size_m)
        # full_search_every 1 asks for a comparison with every tile, so the search is not coarse then.
        coarse = settings.filter and settings.motion.full_search_every > 1
        descriptors = map_directory.descriptors
        self._coarse_search = worthwhile_coarse_search(self._tiles, descriptors) if coarse else None
        self._bounds_m = self._tiles.bounds_m(map_directory.view_size_m)
        model, registration_m = settings.likelihood_model, 0.0
        if settings.calibration is not None:
            model = replace(model, off_map_score=settings.calibration.off_map_score)
            registration_m = settings.calibration.registration_m
        bayes = BayesFilter(self._tiles, model, settings.motion, settings.hypotheses)
        single = SingleFrame(self._tiles, settings.temperature, settings.min_score, settings.min_margin)
        self._filter = bayes if settings.filter else None
        self._estimator = self._filter or single
        self._repeats = RepeatedLooks(bayes.moved_m, _NEW_GROUND * map_directory.view_size_m)
        self._hypothesis_weights = hypothesis_weights.uniform(settings.hypotheses)
        self.state = State.STARTING if settings.filter else State.ALONE
        self.hint: WeighedHint | None = None
        self.odometry = OdometryTrust()
        self.refinement = RefineStage(
            map_directory,
            settings.refine,
            settings.refine_weights,
            registration_m,
            AttitudeCheck(settings.attitude_error_deg, settings.estimate_tilt),
        )

    def localize(self, view: "View") -> Fix:
        """Return the camera's position from one view of the ground."""
        if self._encoder is None:
            raise ParameterError("this localizer has no encoder; give it one, or call answer() with a query.")
        descriptors = self._encoder.describe(view.images)
        offset_m = view.offset_east_m, view.offset_north_m
        return self.answer(Query(view.stamp_ns, descriptors, offset_m, view.images, view.height_m))

    def answer(self, query: Query) -> Fix:
        """Return the camera's position from the descriptors of one frame.

        A frame that cannot be answered returns a `Fix` with a reason; no exception is raised.
        """
        lookup = None
        try:
            # Check the query
            hypotheses = self.settings.hypotheses
            size = self._map.descriptors.shape[1]
            descriptors = integrity.checked_descriptors(query.descriptors, size, hypotheses)
            integrity.check_offset(*query.offset_m)
            self._repeats.check(query.stamp_ns, descriptors)

            # Look up the view: its cosines with tiles are computed when the filter asks for them
            offsets_m = hypotheses.offsets_m(query.offset_m)
            lookup = self._look_up(descriptors, offsets_m)

            # Filter: predict the belief by the motion, and update it with the look-up
            belief = self._estimator.update(query.stamp_ns, lookup)
            self.state, self._hypothesis_weights = belief.state, belief.hypothesis_weights
            self.hint, self.odometry = belief.hint, belief.odometry
            lookup = lookup.marginalized(
                belief.hypothesis_weights, self.settings.likelihood_model.temperature
            )

            # Refuse rather than guess
            if belief.refusal is not None:
                raise belief.refusal
            integrity.check_on_map(belief.east_m, belief.north_m, self._bounds_m)

            # Refine: register the view with the map's imagery, for metres within the tile
            likeliest = int(belief.hypothesis_weights.argmax())
            offset_m, height_m = offsets_m[likeliest], query.height_m * hypotheses.scales[likeliest]
            place = self.refinement.refine(
                self._estimate(belief, offset_m), _view(query, likeliest), offset_m, height_m
            )

            # Answer: the camera's position, with the attitude's error added
            attitude_m2 = self._attitude_m2(place, offset_m, height_m)
            fix = self._fix(belief.stamp_ns, place, attitude_m2, query.height_m, self._candidates(lookup))
            integrity.check_sigma(float(integrity.sigma_m(fix.covariance_m2)), self.settings.max_sigma_m)
            return fix
        except FrameRefused as refusal:
            return Fix.refused(query.stamp_ns, refusal, self._candidates(lookup))

    def add_odometry(
        self, stamp_ns: int, position_m: tuple[float, float], covariance_m2: Float64Array | None = None
    ) -> None:
        """Add an odometry position (2,), metres, with its covariance (2, 2) if known.

        The origin is arbitrary, because only differences of positions are used. The axes are east and north,
        unless `odom_heading_known` is false.
        """
        if self._filter is not None:
            self._filter.add_odometry(stamp_ns, position_m, covariance_m2)

    def add_hint(
        self,
        stamp_ns: int,
        latitude_deg: float,
        longitude_deg: float,
        covariance_m2: Float64Array | None = None,
    ) -> Hint:
        """Add a position from another source, which is weighed with the next frame.

        Args:
            stamp_ns: time at which the camera was there.
            latitude_deg, longitude_deg: the position, WGS 84.
            covariance_m2: its covariance (2, 2) east-north; None if unknown.

        Returns:
            The hint as it is weighed; its remark says if the covariance had to be replaced.

        Raises:
            HintRefused: if the position cannot be used; the belief does not change.
        """
        if self._filter is None:
            raise HintRefused("the initial fix is ignored, because filter is false; set filter to true.")
        integrity.check_degrees(latitude_deg, longitude_deg)
        place_m = np.array(self._frame.to_local(latitude_deg, longitude_deg), dtype=np.float64)
        return self._filter.add_hint(stamp_ns, place_m, covariance_m2)

    def forget(self) -> None:
        """Forget where the drone is and search the whole map from the next frame on."""
        if self._filter is not None:
            self._filter.forget()
            self.state = State.STARTING

    @property
    def heading_offset_deg(self) -> float:
        """Estimated angle from the assumed heading to the true one, clockwise; NaN if unknown."""
        return hypothesis_weights.heading_offset_deg(self._hypothesis_weights, self.settings.hypotheses)

    @property
    def height_scale(self) -> float:
        """Estimated ratio of the true height to the assumed one; 1 if unknown."""
        return hypothesis_weights.height_scale(self._hypothesis_weights, self.settings.hypotheses)

    def _look_up(self, descriptors: Float32Array, offsets_m: Float64Array) -> LookUp:
        tiles = self._map.descriptors
        return LookUp(descriptors, tiles, offsets_m, lambda: self._index, self._coarse_search)

    @cached_property
    def _index(self) -> Index:
        return self._map.index()

    def _candidates(self, lookup: LookUp | None) -> Candidates:
        if lookup is None:
            return Candidates.none()
        best, scores = lookup.best(self.settings.k)
        tiles = self._map.tiles[best]
        east_m, north_m = self._tiles.centres_m[best].T
        return Candidates(best, tiles["latitude"], tiles["longitude"], east_m, north_m, scores)

    def _estimate(self, belief: Belief, offset_m: Float64Array) -> Estimate:
        """Return the belief as an estimate, with its covariance calibrated if the model has a calibration.

        The offset to the camera grows with the height, and the encoder recognizes a view at any height within
        its tolerance. The error that this leaves in the offset is added.
        """
        calibration, covariance = self.settings.calibration, belief.covariance_m2
        if calibration is not None:
            covariance = integrity.calibrated(covariance, calibration)
        height_tolerance = self.settings.hypotheses.tolerances.height_tolerance
        height_error = height_tolerance / math.sqrt(3.0)  # standard deviation if it is uniform within that
        covariance = covariance + np.outer(offset_m, offset_m) * height_error**2
        return Estimate(np.array([belief.east_m, belief.north_m]), covariance)

    def _attitude_m2(self, place: Estimate, offset_m: Float64Array, height_m: float) -> Float64Array:
        """Return the covariance (2, 2) that the error of roll and pitch adds to a place."""
        if place.attitude_m2 is not None:
            return place.attitude_m2
        above_m = height_m if math.isfinite(height_m) and height_m > 0.0 else self._map.view_size_m
        return self.refinement.attitude.covariance_m2(above_m, offset_m)

    def _fix(
        self,
        stamp_ns: int,
        place: Estimate,
        attitude_m2: Float64Array,
        height_m: float,
        candidates: Candidates,
    ) -> Fix:
        east_m, north_m = map(float, place.mean_m)
        latitude, longitude = self._frame.to_geodetic(east_m, north_m)
        least_m2 = max(float(np.linalg.eigvalsh(attitude_m2)[0]), 0.0)
        calibration = self.settings.calibration
        return Fix(
            stamp_ns,
            float(latitude),
            float(longitude),
            east_m,
            north_m,
            place.covariance_m2 + attitude_m2,
            None,
            "",
            candidates,
            calibration is not None and calibration.is_measured(refined=place.refined),
            place.refined,
            math.sqrt(least_m2),
            height_m * self.height_scale,
        )


def _view(query: Query, hypothesis: int) -> UInt8Array | None:
    """Return the view (S, S, 3) of a hypothesis; None if it is missing."""
    if query.views is None or hypothesis >= len(query.views):
        return None
    return np.asarray(query.views[hypothesis])
