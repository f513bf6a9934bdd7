# SPDX-License-Identifier: Apache-2.0
"""A report for the public names no folder outside the project."""

import pytest

from geoloc.doctor.privacy import scrub, shown
from geoloc.installed import find_model


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder with a project in it, the current folder."""
    home = tmp_path / "Jane Doe"
    (home / "project" / "maps").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "project")
    return home


def test_paths_are_relative_or_a_last_name(home):
    assert shown(home / "project" / "maps" / "town") == "maps/town"
    assert shown(home / "secret" / "drone.yaml") == "drone.yaml"
    assert shown(home) == "the home folder"
    assert shown(find_model()) == "models/geoloc-small-2"


def test_nothing_is_relative_to_a_folder_that_holds_the_home(home, monkeypatch):
    monkeypatch.chdir("/")
    assert shown(home / "project") == "project"


@pytest.mark.parametrize(
    ("text", "shown_text"),
    [
        ("{home}/project/maps/town is missing: build it.", "maps/town is missing: build it."),
        ("{home}/secret/a.yaml is damaged", "secret/a.yaml is damaged"),
        ("lib '/usr/lib/x86/libGL.so.1' (no such file)", "lib 'libGL.so.1' (no such file)"),
        ("`/**/camera_node` of /no_such_folder/image and 3/4 of and/or", None),
        ("~/maps/town.", "town."),
    ],
)
def test_sentences_lose_their_folders(home, text, shown_text):
    assert scrub(text.format(home=home)) == (shown_text or text)
