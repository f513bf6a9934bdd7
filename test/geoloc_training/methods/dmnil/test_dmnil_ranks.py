# SPDX-License-Identifier: Apache-2.0
"""Two processes with half batches have the same memories as one process with whole batches."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from unpaired_ranks import main  # noqa: E402

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training import distributed  # noqa: E402
from geoloc_training.training.checkpoint import load_checkpoint  # noqa: E402

_SCRIPT = Path(__file__).with_name("unpaired_ranks.py")
_ROOT = Path(__file__).parents[4]


def _losses(run):
    with (run / "log.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch without gloo")
def test_two_ranks_with_half_batches_equal_one_rank_with_whole_batches(tmp_path):
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    paths = os.pathsep.join(str(_ROOT / name) for name in ("src", "test"))
    done = subprocess.run(
        [*words, str(_SCRIPT), str(tmp_path / "pictures"), str(tmp_path / "two"), "2"],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    main(tmp_path / "pictures", tmp_path / "one", 1)
    one, two = load_checkpoint(tmp_path / "one"), load_checkpoint(tmp_path / "two")
    assert _losses(tmp_path / "two") == pytest.approx(_losses(tmp_path / "one"), rel=1e-4)
    for name, tensor in one.model.items():
        torch.testing.assert_close(two.model[name], tensor, rtol=1e-3, atol=1e-5, msg=name)
    for name, rows in one.source["plan"].items():
        assert torch.equal(two.source["plan"][name], rows)


def test_all_ranks_get_the_first_ranks_result_or_error(monkeypatch):
    box = []

    def broadcast(made, src):
        box.append(list(made))
        made[:] = sent

    monkeypatch.setattr(distributed, "ranks", lambda: 2)
    monkeypatch.setattr(distributed.dist, "broadcast_object_list", broadcast)
    monkeypatch.setattr(distributed, "rank", lambda: 1)
    sent = [7]
    assert distributed.on_first_rank(lambda: pytest.fail("made twice")) == 7
    sent = [ParameterError("nothing to tell apart")]
    with pytest.raises(ParameterError, match="nothing to tell apart"):
        distributed.on_first_rank(lambda: pytest.fail("made twice"))
    monkeypatch.setattr(distributed, "rank", lambda: 0)
    with pytest.raises(ParameterError, match="nothing to tell apart"):
        distributed.on_first_rank(lambda: _fail(sent[0]))
    assert box == [[None], [None], sent]


def _fail(error):
    raise error
