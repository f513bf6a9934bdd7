# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from geoloc.errors import ModelError  # noqa: E402
from geoloc.installed import default_model, find_model  # noqa: E402
from geoloc_training.training import checkpoint  # noqa: E402
from geoloc_training.training.checkpoint import (  # noqa: E402
    Best,
    Checkpoint,
    best_so_far,
    initial_weights,
    load_average,
    load_checkpoint,
    save_best,
    save_checkpoint,
)

BEST = Best(2, "valid_r1", 0.75)


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
    save_checkpoint(tmp_path, _checkpoint(4))
    (tmp_path / "checkpoint" / "state.json").write_text("{")
    with pytest.raises(ModelError, match=r"state\.json cannot be read"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "average.safetensors", "rest.pt"])
@pytest.mark.parametrize(
    "damage", [lambda _: b"", lambda _: b"short", lambda whole: whole[: len(whole) // 2]]
)
def test_a_file_cut_short_is_a_sentence(tmp_path, name, damage):
    save_checkpoint(tmp_path, _checkpoint(3))
    path = tmp_path / "checkpoint" / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ModelError, match="delete that folder to start again") as said:
        load_checkpoint(tmp_path)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize(("module", "writer"), [("", "save_file"), ("torch", "save"), ("json", "dumps")])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("write failed")])
def test_the_last_checkpoint_stays_if_a_file_cannot_be_written(tmp_path, monkeypatch, module, writer, error):
    def full(*_):
        raise error

    save_checkpoint(tmp_path, _checkpoint(3))
    save_best(tmp_path, BEST, {"a": torch.zeros(2)})
    monkeypatch.setattr(getattr(checkpoint, module) if module else checkpoint, writer, full)
    with pytest.raises(ModelError, match="saved before is unchanged"):
        save_checkpoint(tmp_path, _checkpoint(4))
    if writer != "save":  # the best checkpoint holds only weights
        with pytest.raises(ModelError, match="saved before is unchanged"):
            save_best(tmp_path, Best(4, "valid_r1", 0.9), {"a": torch.ones(2)})
    monkeypatch.undo()
    found = load_checkpoint(tmp_path)
    assert (found.step, found.model["a"].tolist(), best_so_far(tmp_path)) == (3, [3.0, 3.0], BEST)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "checkpoint"]


def test_a_swap_that_was_interrupted_keeps_the_old_checkpoint(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(3))
    (tmp_path / "checkpoint").rename(tmp_path / "checkpoint.old")
    assert load_average(tmp_path)[0] == 3
    save_checkpoint(tmp_path, _checkpoint(4))
    assert load_average(tmp_path)[0] == 4


def test_the_best_is_preferred_to_the_last(tmp_path):
    assert best_so_far(tmp_path) is None
    save_checkpoint(tmp_path, _checkpoint(3))
    save_best(tmp_path, BEST, {"a": torch.zeros(2)})
    assert best_so_far(tmp_path) == BEST
    assert [load_average(tmp_path, which)[0] for which in (None, "best", "last")] == [2, 2, 3]


def test_a_run_begins_with_another_run_or_a_model_by_directory_or_id(tmp_path):
    save_checkpoint(tmp_path, _checkpoint(3))
    assert initial_weights(tmp_path)["a"].tolist() == [3.0, 3.0]
    by_directory = initial_weights(find_model())
    by_id = initial_weights(Path(default_model()))
    assert all(torch.equal(by_id[name], weights) for name, weights in by_directory.items())
    with pytest.raises(ModelError, match="neither a model directory nor a shipped model"):
        initial_weights(Path("nowhere"))
