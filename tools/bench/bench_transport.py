# SPDX-License-Identifier: Apache-2.0
"""Measures live cameras for `bench.py`: which share of their frames the nodes answer, and how late.

Camera, autopilot, probe and nodes are processes of their own, as `tools/live/session.py` starts them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench_rows import Row

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))

from scene import ALL_SIZES, Scene
from session import Camera, Measured, measure

_SECONDS, _SECONDS_SLOW = 8.0, 14.0
_SLOW_HZ = 2.0
_HZ = (_SLOW_HZ, 5.0, 10.0, 20.0)
_4K = (3840, 2160)
_IMU = "imu_age_ms_p95"


def cameras() -> Iterator[tuple[str, Camera]]:
    """Yield the name of each row with its camera; the first is the one to which the others are compared."""
    for name, choices in (
        ("JPEG", Camera(encoding="jpeg")),
        ("raw", Camera(encoding="rgb8")),
        ("raw reliable", Camera(encoding="rgb8", reliable=True)),
        ("raw segment", Camera(encoding="rgb8", segment=True)),
    ):
        for hz in _HZ:
            yield f"{name} {hz:g} Hz", Camera(choices.size, hz, *_delivery(choices))
    yield "4K raw segment 30 Hz", Camera(_4K, 30.0, "rgb8", segment=True)
    yield "4K JPEG segment 60 Hz", Camera(_4K, 60.0, "jpeg", segment=True)


def _delivery(camera: Camera) -> tuple[str, bool, bool]:
    return camera.encoding, camera.reliable, camera.segment


def transport() -> Iterator[Row]:
    """Time live 720p and 4K cameras from frame to fix; ratios are to the first row; tools/live/session.py."""
    scene = Scene()
    scene.prepare(ALL_SIZES)
    for name, camera in cameras():
        yield row(name, measure(scene, camera, _SECONDS_SLOW if camera.rate_hz == _SLOW_HZ else _SECONDS))


def row(name: str, result: Measured) -> Row:
    """Return the row of a camera; its time is NaN if no frame was answered."""
    found, log = result.figures, result.log
    counts = {
        "lost": log.counted("lost_in_transport"),
        "dropped": log.counted("dropped") + log.counted("overrun"),
        "without attitude": log.counted("refused_no_attitude"),
    }
    noted = "".join(f", {number} {what}" for what, number in counts.items() if number)
    imu_ms = next((values[_IMU] for values in log.health.values() if _IMU in values), None)
    if imu_ms is not None:
        noted += f", imu {imu_ms} ms late"
    if not found.answered:
        return Row(name, found.p50_ms, f"answered 0.0% of {found.sent}{noted}")
    share = f"answered {100 * found.share:.1f}% of {found.sent} since the first fix"
    return Row(name, found.p50_ms, f"{share}, p95 {found.p95_ms:.0f} ms, {found.median_m:.2f} m off{noted}")
