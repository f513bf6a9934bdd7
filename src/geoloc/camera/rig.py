# SPDX-License-Identifier: Apache-2.0
"""The camera on the drone: collects attitude, height and calibration, and turns frames into views."""

import math
import threading
from dataclasses import dataclass
from typing import TypeVar

from geoloc.arrays import Float64Array, UInt8Array
from geoloc.camera import heights
from geoloc.camera.attitude import NADIR_MOUNT_RPY_DEG, Quaternion, between, mount_rotation, tilt_rad
from geoloc.camera.attitude_watch import AttitudeWatch
from geoloc.camera.lens import Intrinsics
from geoloc.camera.messages import unit_quaternion
from geoloc.camera.stamped import Around, StampedBuffer
from geoloc.camera.views import View, ViewSpec, check_texture, frame_to_view
from geoloc.errors import FrameRefused, ParameterError, Reason
from geoloc.hypotheses import Hypotheses
from geoloc.settings import check, group, setting

T = TypeVar("T")

_ATTITUDES_KEPT = 4000  # ten seconds of a fast flight controller
_HEIGHTS_KEPT = 1000
_NO_ATTITUDE = (
    "no attitude has arrived yet; check imu. A drone without an attitude filter may publish its heading with "
    "roll and pitch 0, with attitude_error_deg set to its largest tilt and estimate_tilt to true."
)
_OBSTACLE_SHARE = 0.2  # share of the height that roofs and trees may change; views still match


@dataclass(frozen=True)
class RigSettings:
    """Mount of the camera on the drone, and limits of the frames that become views.

    Raises:
        ParameterError: for a value outside its range, or two values that contradict each other.
    """

    view_size_m: float = setting(
        0.0, "width of a view on the ground; the map's params.yaml sets it", unit="m", low=1.0, high=10_000.0
    )
    encoder_px: int = setting(
        0, "width of a view in pixels; the model's params.yaml sets it", unit="px", low=8, high=4096
    )
    mount_rpy_deg: tuple[float, float, float] = setting(
        NADIR_MOUNT_RPY_DEG,
        "roll, pitch, yaw of camera_link in the body; 0 90 0 looks straight down, top of the image forward",
        unit="deg",
        low=-360.0,
        high=360.0,
    )
    max_attitude_gap_s: float = setting(
        0.1, "largest time between a frame and the nearest attitude", unit="s", low=0.0, high=10.0
    )
    accept_zero_attitude: bool = setting(
        False,
        "accept roll, pitch and yaw of exactly 0 for seconds while the picture moves, as in a simulation; "
        "else such frames are refused",
    )
    max_height_age_s: float = setting(
        1.0, "largest time between a frame and the nearest height", unit="s", low=0.0, high=60.0
    )
    min_height_m: float = setting(
        10.0, "smallest height above ground at which frames are used", unit="m", low=0.0, high=2e4
    )
    max_height_m: float = setting(
        2e3, "largest height above ground at which frames are used", unit="m", low=0.0, high=2e4
    )
    altitude_reference: str = setting(
        "auto",
        "what altitude is measured from; auto accepts only messages that state a height above ground",
        choices=heights.REFERENCES,
    )
    altitude_reference_error_m: float = setting(
        0.0,
        "largest difference between the ground below and the ground at take-off; must be set if "
        "altitude_reference is takeoff",
        unit="m",
        low=0.0,
        high=2e3,
    )
    altitude_axis: str = setting(
        "auto",
        "axis along which a Range or Float64 on altitude is measured: vertical (corrected for tilt), body "
        "(fixed to the drone) or camera (on its gimbal); auto takes the mean of vertical and body",
        choices=heights.AXES,
    )
    max_climb_mps: float = setting(
        30.0,
        "largest vertical speed; a frame is refused if the heights around it imply a larger one",
        unit="m/s",
        low=0.1,
        high=1e3,
    )
    max_tilt_deg: float = setting(
        45.0, "largest angle between the optical axis and straight down", unit="deg", low=0.0, high=80.0
    )
    min_coverage: float = setting(
        0.5, "smallest share of a view that the frame must cover", low=0.0, high=1.0
    )
    hypotheses: Hypotheses = group(Hypotheses)

    def __post_init__(self) -> None:
        check(self)
        if self.min_height_m >= self.max_height_m:
            raise ParameterError(
                f"min_height_m {self.min_height_m:g} is not below max_height_m {self.max_height_m:g}; "
                "raise max_height_m or lower min_height_m."
            )
        self._check_reference()

    def _check_reference(self) -> None:
        error_m, from_takeoff = self.altitude_reference_error_m, self.altitude_reference == "takeoff"
        if from_takeoff and not error_m:
            raise ParameterError(
                "altitude_reference is takeoff, but altitude_reference_error_m is 0; set it to the largest "
                "difference between the ground below and the ground at take-off."
            )
        if error_m and not from_takeoff:
            raise ParameterError(
                f"altitude_reference_error_m is {error_m:g}, but altitude_reference is "
                f"{self.altitude_reference}; set altitude_reference to takeoff, or remove the error."
            )

        if from_takeoff and self.altitude_axis in ("body", "camera"):
            raise ParameterError(
                f"altitude_axis is {self.altitude_axis}, but heights above take-off are vertical; set "
                "altitude_axis to vertical, or altitude_reference to ground."
            )

    def view_spec(self) -> ViewSpec:
        """Return the size of a view on the ground and in pixels."""
        return ViewSpec(self.view_size_m, self.encoder_px)


class CameraRig:
    """Buffers of attitude and height, from which a frame becomes a view.

    Samples may be added in one thread while another thread asks for views. When stamps of attitude or height
    jump back by more than a second, as when a bag loops or a simulation restarts, both buffers are cleared.

    Args:
        settings: mount and limits.
    """

    def __init__(self, settings: RigSettings) -> None:
        self.settings = settings
        self._mount = mount_rotation(settings.mount_rpy_deg)
        self._attitudes: StampedBuffer[Quaternion] = StampedBuffer(_ATTITUDES_KEPT)
        self._heights: StampedBuffer[float] = StampedBuffer(_HEIGHTS_KEPT)
        self._heights_may_slant = False
        self._watch = AttitudeWatch()
        self._intrinsics: Intrinsics | None = None
        self._image_scale: float | None = None
        self._rejected: dict[Reason, FrameRefused] = {}
        self._lock = threading.Lock()

    def add_attitude(self, stamp_ns: int, quaternion: Quaternion) -> None:
        """Add an attitude: the quaternion (x, y, z, w) from body axes (forward, left, up) to east, north, up.

        Raises:
            FrameRefused: with `Reason.BAD_ATTITUDE` if it is not finite or not of unit length.
        """
        try:
            unit = unit_quaternion(quaternion)
        except FrameRefused as refusal:
            self.reject(refusal)
            raise
        self._remember(self._attitudes, stamp_ns, unit, Reason.BAD_ATTITUDE)
        with self._lock:
            self._watch.add(stamp_ns, unit)

    def add_height(self, stamp_ns: int, height_m: float, *, may_slant: bool = False) -> None:
        """Add a height of the camera, above ground or above take-off as the settings say.

        Args:
            stamp_ns: stamp of the height.
            height_m: height, metres.
            may_slant: whether it is measured along `altitude_axis`; if not, it is vertical.

        Raises:
            FrameRefused: with `Reason.BAD_HEIGHT` if it is not finite or not positive.
        """
        if not (math.isfinite(height_m) and height_m > 0):
            refusal = FrameRefused(Reason.BAD_HEIGHT, f"the height is {height_m} m; check the height sensor.")
            self.reject(refusal)
            raise refusal
        self._remember(self._heights, stamp_ns, float(height_m), Reason.BAD_HEIGHT)
        self._heights_may_slant = may_slant

    def set_intrinsics(self, intrinsics: Intrinsics) -> None:
        """Set the calibration of the camera; it replaces an earlier one."""
        with self._lock:
            self._intrinsics = intrinsics
            self._rejected.pop(Reason.BAD_CAMERA_INFO, None)

    def reject(self, refusal: FrameRefused) -> None:
        """Store the refusal of a sample; a frame that lacks the sample is then refused for that reason."""
        with self._lock:
            self._rejected[refusal.reason] = refusal

    def attitude_facts(self) -> dict[str, object]:
        """Return for how long roll and pitch have been exactly level, if so, for `/diagnostics`."""
        with self._lock:
            level_s = self._watch.level_s
        return {"level_for_s": f"{level_s:.0f}"} if level_s else {}

    def ready(self, stamp_ns: int) -> bool:
        """Return whether the attitude at a stamp is final: a sample at or after the stamp has arrived."""
        with self._lock:
            newest_ns = self._attitudes.newest_ns
        return newest_ns is not None and newest_ns >= stamp_ns

    def view(
        self, stamp_ns: int, image_rgb: UInt8Array, body_from_optical: Float64Array | None = None
    ) -> View:
        """Turn a frame into a view.

        Args:
            stamp_ns: stamp of the frame.
            image_rgb: the frame, (H, W, 3) uint8.
            body_from_optical: rotation (3, 3) of a gimbal at this stamp; None for the fixed mount.

        Returns:
            The view, with the frame's stamp and one image for each hypothesis of the settings.

        Raises:
            FrameRefused: if the frame cannot be used; it holds the reason.
        """
        with self._lock:
            intrinsics = self._required_intrinsics()
            self._check_scale(intrinsics, image_rgb.shape[1], image_rgb.shape[0])
            world_from_body = self._attitude_at(stamp_ns)
            if not self.settings.accept_zero_attitude:
                self._watch.check(image_rgb)
            measured_m = self._height_at(stamp_ns)
        mount = self._mount if body_from_optical is None else body_from_optical
        world_from_optical = world_from_body @ mount
        self._check_tilt(world_from_optical)
        height_m = self._vertical_m(measured_m, world_from_body, world_from_optical)
        self._check_height(height_m)
        view = frame_to_view(
            image_rgb,
            intrinsics,
            world_from_optical,
            height_m,
            self.settings.view_spec(),
            stamp_ns,
            min_coverage=self.settings.min_coverage,
            hypotheses=self.settings.hypotheses,
        )
        check_texture(view.image)
        return view

    def _check_scale(self, intrinsics: Intrinsics, width: int, height: int) -> None:
        """Refuse a frame whose size changed in flight: it may be a crop, and only CameraInfo would say so.

        A constant scale between image and calibration is allowed, because drivers resize images.
        """
        scale, before = width / intrinsics.width, self._image_scale
        if before is not None and scale not in (1.0, before):
            raise FrameRefused(
                Reason.BAD_CAMERA_INFO,
                f"the image has become {width} x {height} pixels, but CameraInfo is still for "
                f"{intrinsics.width} x {intrinsics.height}; publish the CameraInfo of the new size.",
            )
        self._image_scale = scale

    def _remember(self, buffer: StampedBuffer[T], stamp_ns: int, value: T, mended: Reason) -> None:
        with self._lock:
            if buffer.jumps_back(stamp_ns):
                self._attitudes.clear()
                self._heights.clear()
                self._watch.clear()
            buffer.add(stamp_ns, value)
            self._rejected.pop(mended, None)

    def _required_intrinsics(self) -> Intrinsics:
        if self._intrinsics is None:
            raise self._cause(
                Reason.BAD_CAMERA_INFO,
                FrameRefused(
                    Reason.NO_CAMERA_INFO, "no CameraInfo has arrived yet; check the camera_info topic."
                ),
            )
        return self._intrinsics

    def _attitude_at(self, stamp_ns: int) -> Float64Array:
        around = self._attitudes.around(stamp_ns)
        limit_s = self.settings.max_attitude_gap_s
        if around is None or around.gap_s > limit_s:
            sentence = _NO_ATTITUDE
            if around is not None:
                sentence = (
                    f"no attitude lies within {limit_s:g} s of the frame, the nearest is "
                    f"{around.gap_s:.2f} s away; check imu and clocks."
                )
            raise self._cause(Reason.BAD_ATTITUDE, FrameRefused(Reason.NO_ATTITUDE, sentence))
        return between(around.first, around.second, around.share)

    def _height_at(self, stamp_ns: int) -> float:
        around = self._heights.around(stamp_ns)
        limit_s = self.settings.max_height_age_s
        if around is None:
            missing = FrameRefused(Reason.NO_HEIGHT, "no height has arrived yet; check the altitude topic.")
            raise self._cause(Reason.BAD_HEIGHT, missing)
        if around.gap_s > limit_s:
            stale = FrameRefused(
                Reason.STALE_HEIGHT,
                f"the nearest height is {around.gap_s:.2f} s from the frame, more than {limit_s:g} s; "
                "check the altitude topic and clocks.",
            )
            raise self._cause(Reason.BAD_HEIGHT, stale)
        self._check_climb(around)
        return around.first + around.share * (around.second - around.first)

    def _vertical_m(
        self, measured_m: float, world_from_body: Float64Array, world_from_optical: Float64Array
    ) -> float:
        if not self._heights_may_slant or self.settings.altitude_reference == "takeoff":
            return measured_m
        cosines = float(world_from_body[2, 2]), -float(world_from_optical[2, 2])
        return heights.vertical_m(measured_m, self.settings.altitude_axis, *cosines)

    def _check_climb(self, around: Around[float]) -> None:
        """Refuse a frame if the heights around it disagree, as over a cliff, or behind a bird or a leg."""
        climb_m, tallest_m = abs(around.second - around.first), max(around.first, around.second)
        if climb_m > self.settings.max_climb_mps * around.apart_s + _OBSTACLE_SHARE * tallest_m:
            raise FrameRefused(
                Reason.HEIGHT_DISAGREES,
                f"the heights around the frame are {around.first:.1f} and {around.second:.1f} m, "
                f"{around.apart_s:.2f} s apart, faster than max_climb_mps {self.settings.max_climb_mps:g}; "
                "check the height sensor.",
            )

    def _cause(self, rejected: Reason, otherwise: FrameRefused) -> FrameRefused:
        known = self._rejected.get(rejected)
        return FrameRefused(known.reason, known.sentence) if known else otherwise

    def _check_tilt(self, world_from_optical: Float64Array) -> None:
        settings = self.settings
        tilt_deg = math.degrees(tilt_rad(world_from_optical))
        if not tilt_deg <= settings.max_tilt_deg:
            raise FrameRefused(
                Reason.TILT,
                f"the camera is tilted {tilt_deg:.0f} degrees from straight down, more than "
                f"max_tilt_deg {settings.max_tilt_deg:g}; fly more level, or raise the limit.",
            )

    def _check_height(self, height_m: float) -> None:
        settings = self.settings
        if not settings.min_height_m <= height_m <= settings.max_height_m:
            raise FrameRefused(
                Reason.BAD_HEIGHT,
                f"the height is {height_m:.1f} m, outside min_height_m {settings.min_height_m:g} to "
                f"max_height_m {settings.max_height_m:g}; fly within these limits, or change them.",
            )
        self._check_reference_error(height_m)

    def _check_reference_error(self, height_m: float) -> None:
        """Refuse a frame that is so low above take-off that its true height may fit no hypothesis."""
        error_m, tried = self.settings.altitude_reference_error_m, self.settings.hypotheses
        reach = tried.height_reach
        if error_m > reach * height_m:
            raise FrameRefused(
                Reason.BAD_HEIGHT,
                f"altitude_reference_error_m {error_m:g} is {error_m / height_m:.0%} of the height above "
                f"take-off, {height_m:.1f} m, but height_error {tried.height_error:g} covers {reach:.0%}; "
                f"fly above {error_m / reach:.0f} m, or raise height_error.",
            )
