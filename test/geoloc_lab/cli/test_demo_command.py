# SPDX-License-Identifier: Apache-2.0
"""The command that the demo prints for evaluating its bag again."""

from pathlib import Path

from geoloc_lab.demo import Demo


def test_the_demo_says_how_to_localize_its_bag_again():
    command = Demo(Path("demo"), "geoloc-small-2", duration_s=30.0).evaluation().split()
    assert command[:3] == ["geoloc", "evaluate", "demo/seed-7/flight-30s"]
    given = dict(zip(command[3::2], command[4::2], strict=True))
    assert given["--map"] == "demo/seed-7/map"
    assert given["--model"] == "geoloc-small-2"
    assert given["--params-file"] == "demo/seed-7/drone.yaml"
