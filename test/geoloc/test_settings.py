# SPDX-License-Identifier: Apache-2.0
"""A setting is declared once; its dataclass checks it, and it is found by name, without ROS."""

import array
import dataclasses
import math

import numpy as np
import pytest

from geoloc.cli.options import option
from geoloc.errors import ParameterError
from geoloc.nodes.settings import NODES as FLYING
from geoloc.settings import Setting, check, fill, group, setting, settings_of
from geoloc_lab.evaluation.run_settings import RunSettings
from geoloc_lab.nodes.settings import NODES as LABS

KINDS = [*FLYING.values(), *LABS.values(), RunSettings]
MUST_BE_GIVEN = {"view_size_m": 60.0, "encoder_px": 160, "map": "m", "model": "m", "bag": "b"}


@dataclasses.dataclass(frozen=True)
class Mount:
    turn_deg: tuple = setting((0.0, 90.0), "a turn", unit="deg", low=-360.0, high=360.0)
    height_m: float = setting(0.0, "height of something; must be given", unit="m", low=1.0, high=500.0)

    def __post_init__(self):
        check(self)


@dataclasses.dataclass(frozen=True)
class Camera:
    mount: Mount = group(Mount)
    mode: str = setting("auto", "how", choices=("auto", "raw", "off"))
    threads: int = setting(0, "threads", low=0, high=8)
    use_tf: bool = setting(False, "TF or not")
    bag: str = setting("x", "a bag", required=True)
    gain: float = setting(1.0, "anything finite", unit="dB")
    name: str = "no setting"

    def __post_init__(self):
        check(self)


GIVEN = Mount(height_m=20.0)


def test_the_settings_of_groups_are_flat_and_other_fields_are_none():
    found = settings_of(Camera)
    assert list(found) == ["turn_deg", "height_m", "mode", "threads", "use_tf", "bag", "gain"]
    assert found["height_m"].text_with_unit == "height of something; must be given [m]"
    assert found["height_m"].constraints() == "1 to 500 m"
    assert found["gain"].constraints() == ""


def test_values_by_name_fill_the_groups_and_the_rest_keeps_its_default():
    filled = fill(Camera, {"height_m": 20, "mode": False, "turn_deg": [1, 2], "of_another_node": 3})
    assert filled == Camera(Mount((1.0, 2.0), 20.0), mode="off")
    assert isinstance(filled.mount.height_m, float)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("threads", 9, "threads is 9; it must be a whole number from 0 to 8"),
        ("threads", True, "threads is True; it must be a whole number from 0 to 8"),
        ("threads", 1.5, "threads is 1.5; it must be a whole number from 0 to 8"),
        ("threads", array.array("q", [1, 2]), "threads is [1, 2]; it must be a whole number from 0 to 8"),
        ("mode", "fast", "mode is 'fast'; it must be one of auto, raw, off"),
        ("mode", 1, "mode is 1; it must be one of auto, raw, off"),
        ("use_tf", 1, "use_tf is 1; it must be true or false"),
        ("bag", "", "bag is ''; it must be text, not empty"),
        ("bag", None, "bag is None; it must be text, not empty"),
        ("gain", math.inf, "gain is inf; it must be a number"),
        ("gain", "1", "gain is '1'; it must be a number"),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_it_must_be(name, value, wanted):
    with pytest.raises(ParameterError) as raised:
        Camera(GIVEN, **{name: value})
    assert str(raised.value) == f"{wanted}."


@pytest.mark.parametrize("value", [0.0, 501.0, math.nan, "20", True, None])
def test_a_number_outside_its_range_is_refused_and_a_default_outside_it_must_be_replaced(value):
    wanted = f"height_m is {value!r}; it must be a number from 1 to 500 m"
    with pytest.raises(ParameterError, match=wanted):
        Mount(height_m=value)
    with pytest.raises(ParameterError, match=r"height_m is 0.0; it must be"):
        Camera()


@pytest.mark.parametrize("value", [(1.0,), (1.0, 2.0, 3.0), (1.0, 361.0), (1.0, math.nan), "ab", 5.0, None])
def test_a_list_of_another_length_or_outside_its_range_is_refused(value):
    with pytest.raises(ParameterError, match="it must be a list of 2 numbers from -360 to 360 deg"):
        Mount(value, 20.0)


@pytest.mark.parametrize(
    "value", [[1, 2], (1, 2.0), array.array("d", [1.0, 2.0]), (np.float32(1.0), np.int64(2))]
)
def test_lists_become_tuples_and_whole_numbers_floats(value):
    taken = Mount(value, 20.0).turn_deg
    assert taken == (1.0, 2.0)
    assert [type(item) for item in taken] == [float, float]


def test_two_settings_of_one_name_in_one_dataclass_are_a_defect():
    @dataclasses.dataclass(frozen=True)
    class Twice:
        mount: Mount = group(Mount)
        height_m: float = setting(1.0, "another height")

    with pytest.raises(TypeError, match="Twice has two different settings named height_m"):
        settings_of(Twice)


def test_a_setting_has_one_declaration_in_all_nodes_and_in_evaluation():
    declared: dict[str, Setting] = {}
    for kind in KINDS:
        for name, found in settings_of(kind).items():
            assert declared.setdefault(name, found) == found, (kind, name)


def test_every_setting_has_a_text_and_a_default_in_range_unless_it_must_be_given():
    for kind in KINDS:
        for name, found in settings_of(kind).items():
            assert found.text
            assert (found.low is None) == (found.high is None)
            if name not in MUST_BE_GIVEN:
                assert found.read(name, found.default) == found.default


def test_the_core_checks_ranges_that_the_nodes_declare():
    for kind in KINDS:
        for name, found in settings_of(kind).items():
            if found.high is not None and not isinstance(found.default, tuple):
                with pytest.raises(ParameterError, match=f"^{name} is "):
                    fill(
                        kind,
                        {**MUST_BE_GIVEN, name: found.high * 2},
                    )


def test_an_option_of_a_command_has_text_and_range_of_its_setting():
    mirrored = option(Mount, "height_m")
    assert mirrored.help == "Height of something; must be given, in m."
    assert (mirrored.min, mirrored.max) == (1.0, 500.0)
    narrowed = option(Camera, "threads", "--threads", max=4)
    assert (narrowed.min, narrowed.max) == (0, 4)


def test_paths_may_begin_with_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    paths = {name for kind in KINDS for name, declared in settings_of(kind).items() if declared.path}
    assert paths == {"map", "model", "bag", "out", "refine_weights"}
    replay = fill(LABS["replay_node"], {"bag": "~/flight", "rename": "~/a:=b"})
    assert replay.bag == str(tmp_path / "flight")
    assert replay.rename == "~/a:=b"
