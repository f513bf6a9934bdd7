# SPDX-License-Identifier: Apache-2.0
"""A folder is replaced completely or not at all, at any interruption."""

from pathlib import Path

import pytest

from geoloc_training.atomic_files import replace_text, replacing


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "file").write_text("old")
    return tmp_path / "model"


def _replace(folder):
    with replacing(folder) as fresh:
        (fresh / "file").write_text("new")


def _left(folder):
    """Return the content of the folder, and check that nothing lies beside it."""
    assert [path.name for path in folder.parent.iterdir()] == ["model"]
    return (folder / "file").read_text()


def test_a_folder_is_replaced_and_a_new_one_made(folder, tmp_path):
    _replace(folder)
    assert _left(folder) == "new"
    _replace(tmp_path / "else" / "model")
    assert _left(tmp_path / "else" / "model") == "new"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_the_old_folder_stays_when_the_block_fails(folder, error):
    with pytest.raises(type(error)), replacing(folder) as fresh:  # noqa: PT012 - the failure is the last line
        (fresh / "file").write_text("half")
        raise error
    assert _left(folder) == "old"


@pytest.mark.parametrize("last", [1, 2])
def test_the_old_folder_comes_back_when_a_rename_fails(folder, monkeypatch, last):
    rename, done = Path.rename, []

    def fail(path, target):
        done.append(path)
        if len(done) == last:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="no"):
        _replace(folder)
    assert _left(folder) == "old"


def test_a_text_is_replaced_or_stays_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    replace_text(path, "old\r\n")
    assert path.read_bytes() == b"old\r\n"

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        replace_text(path, "new")
    assert path.read_bytes() == b"old\r\n"
    assert [file.name for file in tmp_path.iterdir()] == ["config.yaml"]


def test_killed_between_the_renames_the_old_folder_is_found_again(folder):
    stage = folder.parent / ".model.stage"
    (stage / "new").mkdir(parents=True)
    folder.rename(stage / "old")
    with pytest.raises(KeyboardInterrupt), replacing(folder):
        raise KeyboardInterrupt
    assert _left(folder) == "old"


def test_killed_before_tidying_up_the_folder_in_place_stays(folder):
    stage = folder.parent / ".model.stage"
    (stage / "old").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), replacing(folder):
        raise KeyboardInterrupt
    assert _left(folder) == "old"
