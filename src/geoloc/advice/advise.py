# SPDX-License-Identifier: Apache-2.0
"""Collects the findings about camera, height, model and map, a verdict, and the next command."""

import shlex
from dataclasses import dataclass

from geoloc.advice import ground as on_ground
from geoloc.advice import sensors, sharpness
from geoloc.advice.case import Finding, Fit, Flight, MapFacts
from geoloc.advice.tiling import tiles_finding
from geoloc.camera.rig import RigSettings
from geoloc.camera.views import ViewSpec
from geoloc.encoder.card import ModelCard


@dataclass(frozen=True)
class Advice:
    """Advice that `geoloc map advise` prints.

    Attributes:
        recommended_m: recommended view size for the flight, metres.
        view_size_m: view size that the findings judge: that of the map if there is one, else `recommended_m`.
        findings: findings in the order of the output.
        ground: imagery or map; None if neither is given.
    """

    recommended_m: float
    view_size_m: float
    findings: tuple[Finding, ...]
    ground: MapFacts | None

    @property
    def verdict(self) -> str:
        """Summary of the findings in one line."""
        by_fit = {
            fit: ", ".join(finding.name for finding in self.findings if finding.fit is fit)
            for fit in (Fit.MARGINAL, Fit.UNFIT)
        }
        if by_fit[Fit.UNFIT]:
            return f"does not fit: {by_fit[Fit.UNFIT]}"
        return f"usable; marginal: {by_fit[Fit.MARGINAL]}" if by_fit[Fit.MARGINAL] else "fits"

    def command(self, model: str) -> str:
        """Return the next command: start the nodes if the map fits, else build a map.

        Args:
            model: id or directory of the model, as the user types it.
        """
        found = {finding.name: finding.fit for finding in self.findings}
        if self.ground is None:
            source, out = "ortho.tif", "my_map"
        elif self.ground.view_size_m is None:
            source, out = self.ground.path, "my_map"
        else:
            source, out = f"{self.ground.path}/raster.tif", f"{self.ground.path}-{self.recommended_m:g}m"
            if found["heights"] is not Fit.UNFIT and found["encoder pixel"] is not Fit.UNFIT:
                return shlex.join(["geoloc", "up", "--map", self.ground.path, "--model", model])
        words = ["geoloc", "map", "build", source, "--model", model]
        return shlex.join([*words, "--view-size", f"{self.recommended_m:g}", "--out", out])


def advise(
    flight: Flight, card: ModelCard, ground: MapFacts | None = None, rig: RigSettings | None = None
) -> Advice:
    """Judge a planned flight with a model, over imagery or a map.

    Args:
        flight: camera, heights, tilt, speed and shutter.
        card: card of the model.
        ground: imagery or map; without it the findings say which imagery is needed.
        rig: settings of camera_node; None for the defaults.

    Raises:
        ParameterError: if the camera shows too little ground for any map.
    """
    recommended_m = on_ground.recommended_view_m(flight, card)
    of_map = ground.view_size_m if ground else None
    view_m = recommended_m if of_map is None else of_map
    spec, rig = ViewSpec(view_m, card.input_px), rig or _limits(view_m, card)
    findings = [
        on_ground.footprint_finding(flight),
        on_ground.view_finding(flight, card, recommended_m, of_map),
        on_ground.heights_finding(flight, spec, rig),
        sharpness.encoder_pixel_finding(flight, spec, card),
        sharpness.camera_pixel_finding(flight, spec),
        sharpness.map_pixel_finding(spec, ground),
        on_ground.tilt_finding(flight, spec, rig),
    ]
    if flight.speed_mps and flight.exposure_s:
        findings.append(sharpness.blur_finding(flight, spec))
    if flight.speed_mps and flight.readout_s:
        findings.append(sharpness.skew_finding(flight, spec))
    findings += [
        sensors.heading_finding(card),
        sensors.height_finding(flight, card, ground),
        sensors.attitude_finding(flight),
        tiles_finding(view_m, ground, card),
    ]
    return Advice(recommended_m, view_m, tuple(findings), ground)


def _limits(view_m: float, card: ModelCard) -> RigSettings:
    return RigSettings(view_size_m=max(view_m, 1.0), encoder_px=card.input_px)
