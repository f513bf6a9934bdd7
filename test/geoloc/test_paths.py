# SPDX-License-Identifier: Apache-2.0
"""~ is the home folder at the start of a path, and a letter elsewhere."""

import pytest

from geoloc.paths import expanded_home


@pytest.mark.parametrize("path", ["", "a/~/b", "/a", "model~", "~no such user/a"])
def test_other_paths_stay_as_they_are(path):
    assert expanded_home(path) == path


def test_the_home_folder_is_put_in(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expanded_home("~/a b/c") == f"{tmp_path}/a b/c"
    assert expanded_home("~") == str(tmp_path)
