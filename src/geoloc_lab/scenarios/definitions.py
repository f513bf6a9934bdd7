# SPDX-License-Identifier: Apache-2.0
"""Defines the scenarios: simulated flights that each test geoloc on one difficulty."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from geoloc.errors import ParameterError
from geoloc_lab.flight_simulator.aerial_camera import AerialCamera
from geoloc_lab.flight_simulator.disturbances import (
    CompassBias,
    Disturbance,
    Dropout,
    HeightBias,
    Kidnap,
    LateFrames,
)
from geoloc_lab.flight_simulator.flight_plan import PATTERNS
from geoloc_lab.flight_simulator.sensors import SensorErrors

DULL = "dull"  # a straight leg over the part of a region with the least texture
COURSES = (*PATTERNS, DULL)


@dataclass(frozen=True)
class Scenario:
    """A simulated flight and its disturbances.

    Attributes:
        name: one or two words, joined by a dash.
        shows: difficulty that it tests, in one sentence.
        course: a pattern of `geoloc_lab.flight_simulator.flight_plan`, or "dull".
        duration_s: longest duration; the flight ends earlier if its course does.
        frame_rate_hz: images per second.
        speed_mps: speed over ground.
        gust_deg: root mean square of pitch and roll caused by gusts.
        max_bank_deg: steepest bank in turns.
        box_m: side of the square in the middle of the region that bounds the course; 0 allows all of the
            region except its margin.
        camera: camera and its imperfections.
        errors: errors of the other sensors.
        disturbances: further faults, such as a dropout.
        far_and_wide: whether the map also holds all other available imagery.
        seed: seed of gusts, noise, sensors and course.

    Raises:
        ParameterError: for an unknown course.
    """

    name: str
    shows: str
    course: str = "tour"
    duration_s: float = 80.0
    frame_rate_hz: float = 1.25
    speed_mps: float = 12.0
    gust_deg: float = 2.5
    max_bank_deg: float = 12.0
    box_m: float = 0.0
    camera: AerialCamera = field(default_factory=AerialCamera)
    errors: SensorErrors = field(default_factory=SensorErrors)
    disturbances: tuple[Disturbance, ...] = ()
    far_and_wide: bool = False
    seed: int = 1

    def __post_init__(self) -> None:
        if self.course not in COURSES:
            raise ParameterError(
                f"the course {self.course!r} of the scenario {self.name} is unknown; use one of "
                f"{', '.join(COURSES)}."
            )


_ALL = (
    Scenario("straight-leg", "a straight leg without disturbances", course="straight", seed=11),
    Scenario(
        "survey",
        "parallel lines over neighbouring ground, as in mapping flights",
        course="survey",
        duration_s=96.0,
        max_bank_deg=20.0,
        box_m=260.0,
        seed=12,
    ),
    Scenario(
        "orbit", "a circle: the drone turns and banks all the time", course="orbit", box_m=300.0, seed=13
    ),
    Scenario(
        "low-texture",
        "a leg over the ground with the least texture: woods, fields, water",
        course=DULL,
        seed=14,
    ),
    Scenario(
        "turn-180",
        "a leg out, a turn of 180 degrees and a leg back: the effect of the heading error reverses",
        course="back",
        max_bank_deg=20.0,
        seed=15,
    ),
    Scenario(
        "kidnap",
        "the drone is carried half a kilometre away in mid-flight; odometry does not measure it",
        course="survey",
        disturbances=(Kidnap(40.0, -150.0, 480.0),),
        seed=16,
    ),
    Scenario(
        "dropout",
        "30 s without images while the drone flies on",
        course="straight",
        duration_s=95.0,
        disturbances=(Dropout(32.0, 30.0),),
        seed=17,
    ),
    Scenario(
        "height-bias",
        "the height reads 10 % too high, so views show less ground than tiles",
        disturbances=(HeightBias(0.10),),
        seed=18,
    ),
    Scenario(
        "compass-bias",
        "a heading error of 15 degrees, the same in attitude and odometry",
        disturbances=(CompassBias(15.0),),
        seed=19,
    ),
    Scenario(
        "latency",
        "images arrive 0.5 s after their stamp, other messages at once",
        disturbances=(LateFrames(0.5),),
        seed=20,
    ),
    Scenario(
        "motion-blur",
        "an exposure of 1/10 s in rough air, so images are blurred over 2 m",
        course="straight",
        speed_mps=18.0,
        gust_deg=4.0,
        camera=AerialCamera(exposure_s=0.1),
        seed=21,
    ),
    Scenario(
        "unknown-start", "an unknown start on a map of all available imagery", far_and_wide=True, seed=24
    ),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


def chosen(names: Sequence[str]) -> list[Scenario]:
    """Return the named scenarios in the order of `SCENARIOS`, or all scenarios if no names are given.

    Raises:
        ParameterError: for an unknown name; the message lists the known names.
    """
    for name in names:
        if name not in SCENARIOS:
            raise ParameterError(f"the scenario {name!r} is unknown; use one of {', '.join(SCENARIOS)}.")
    return [scenario for scenario in _ALL if not names or scenario.name in names]
