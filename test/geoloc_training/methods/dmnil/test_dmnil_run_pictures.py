# SPDX-License-Identifier: Apache-2.0
"""Pictures of a run, also after an interruption and with a full disk."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")
pytest.importorskip("matplotlib")

from geoloc_training.training.checkpoint import load_checkpoint  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402
from geoloc_training.training.loop import begin, fit  # noqa: E402
from tiny_training import Recalls  # noqa: E402
from tiny_unpaired import build_unpaired, pictures, source, unpaired_config  # noqa: E402


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("pictures"))


class Killed(Exception):
    pass


def _fit(config, split, run, killed_at=None):
    made = source(config, split)

    def die(batch, step, rank):
        if step == killed_at:
            raise Killed
        return batch

    made.augment = die
    fit(config, made, run, Recalls(0.5), build=build_unpaired)


def _drawn(run):
    return {path.name: path.read_bytes() for path in (run / "pictures").iterdir()}


def test_a_killed_and_resumed_run_has_the_same_pictures(split, tmp_path):
    """Kill a run in the epoch after a plotted one, with a checkpoint from before that."""
    config = replace(unpaired_config(pictures_every=2), checkpoint_every=3)
    _fit(config, split, tmp_path / "whole")
    with pytest.raises(Killed):
        _fit(config, split, tmp_path / "cut", killed_at=5)
    stale = tmp_path / "cut" / "pictures" / "clusters-epoch-08.jpg"
    stale.write_bytes(b"of a run that had come farther")
    _fit(config, split, tmp_path / "cut")
    whole, cut = _drawn(tmp_path / "whole"), _drawn(tmp_path / "cut")
    assert sorted(whole) == [
        "clusters-epoch-00.jpg", "clusters-epoch-02.jpg", "descriptors.png", "labels.png",
        "sample-epoch-00.npz", "sample-epoch-02.npz",
    ]  # fmt: skip
    assert sorted(cut) == sorted(whole)
    for name in whole:
        assert cut[name] == whole[name], name
        assert name.endswith("npz") or cv2.imread(str(tmp_path / "whole" / "pictures" / name)) is not None


def test_a_run_resumed_amid_a_pictured_epoch_keeps_its_pictures(split, tmp_path):
    config = replace(unpaired_config({"steps": 6}, pictures_every=2), checkpoint_every=5)
    with pytest.raises(Killed):
        _fit(config, split, tmp_path, killed_at=5)
    before = _drawn(tmp_path)
    assert "clusters-epoch-02.jpg" in before
    _fit(config, split, tmp_path)
    after = _drawn(tmp_path)
    assert after.pop("labels.png") != before.pop("labels.png")  # the validation at the end
    assert after == before


def test_pictures_do_not_affect_training_and_can_be_disabled(split, tmp_path):
    for name, every in (("without", 0), ("with", 3)):
        _fit(unpaired_config(pictures_every=every), split, tmp_path / name)
    assert not (tmp_path / "without" / "pictures").exists()
    assert "clusters-epoch-03.jpg" in _drawn(tmp_path / "with")
    with_, without = (load_checkpoint(tmp_path / name) for name in ("with", "without"))
    assert all(torch.equal(with_.model[name], tensor) for name, tensor in without.model.items())


def test_copies_are_shown_once(split, tmp_path):
    config = unpaired_config({"steps": 2}, pictures_every=1, copies=3)
    _fit(config, split, tmp_path)
    one = tmp_path / "one"
    _fit(unpaired_config({"steps": 2}, pictures_every=1), split, one)
    sheets = [cv2.imread(str(run / "pictures" / "clusters-epoch-00.jpg")) for run in (tmp_path, one)]
    assert (sheets[0] == sheets[1]).all()


def test_a_full_disk_is_a_warning_and_training_continues(split, tmp_path, monkeypatch, caplog):
    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    _fit(unpaired_config({"steps": 2}, pictures_every=1), split, tmp_path)
    assert load_checkpoint(tmp_path).step == 2
    assert "cannot be written ([Errno 28] No space left on device" in caplog.text


def test_the_first_process_alone_draws(split, tmp_path):
    config = unpaired_config(pictures_every=1)
    trainer = begin(config, source(config, split), tmp_path, launch(config.hardware), build=build_unpaired)
    trainer.source.start_epoch(0, trainer.describer(average=False).items)
    trainer.method.start_epoch(0, trainer.source)
    for first, drawn in ((False, False), (True, True)):
        trainer.fabric = SimpleNamespace(is_global_zero=first)
        trainer.draw()
        assert (tmp_path / "pictures" / "descriptors.png").exists() == drawn
