# SPDX-License-Identifier: Apache-2.0
import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ModelError  # noqa: E402
from geoloc_training.training.checkpoint import (  # noqa: E402
    Checkpoint,
    best_recall,
    load_average,
    load_checkpoint,
    save_best,
    save_checkpoint,
)


def _checkpoint(step):
    weights = {"a": torch.full((2,), float(step))}
    return Checkpoint(step, "tiny", weights, weights, {"m": torch.ones(3)}, {"order": torch.arange(3)})


def test_what_is_saved_comes_back(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(3))
    found = load_checkpoint(tmp_path)
    assert (found.step, found.method, found.source["order"].tolist()) == (3, "tiny", [0, 1, 2])
    assert found.model["a"].tolist() == [3.0, 3.0]
    assert not list(tmp_path.glob("*.old")) + list(tmp_path.glob("*.new"))


def test_a_damaged_or_missing_checkpoint_is_a_sentence(tmp_path):
    assert load_checkpoint(tmp_path) is None
    with pytest.raises(ModelError, match="holds no last checkpoint"):
        load_average(tmp_path)
    save_checkpoint(tmp_path, _checkpoint(3))
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelError, match="delete that folder to start afresh"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path, _checkpoint(4))
    (tmp_path / "checkpoint" / "state.json").write_text("{")
    with pytest.raises(ModelError, match=r"state\.json cannot be read"):
        load_checkpoint(tmp_path)


def test_a_swap_that_was_interrupted_keeps_the_old_checkpoint(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(3))
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    assert load_average(tmp_path)[0] == 3
    save_checkpoint(tmp_path, _checkpoint(4))
    assert load_average(tmp_path)[0] == 4


def test_the_best_is_preferred_to_the_last(tmp_path):
    assert best_recall(tmp_path) == -1
    save_checkpoint(tmp_path, _checkpoint(3))
    save_best(tmp_path, 2, 0.75, {"a": torch.zeros(2)})
    assert best_recall(tmp_path) == 0.75
    assert [load_average(tmp_path, which)[0] for which in (None, "best", "last")] == [2, 2, 3]
