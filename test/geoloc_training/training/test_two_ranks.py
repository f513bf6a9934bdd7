# SPDX-License-Identifier: Apache-2.0
"""Two processes with half batches give the same results as one process with whole batches."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from two_ranks import main  # noqa: E402

from geoloc.errors import ParameterError  # noqa: E402
from geoloc_training.config import HardwareConfig  # noqa: E402
from geoloc_training.training.checkpoint import load_checkpoint  # noqa: E402
from geoloc_training.training.hardware import launch  # noqa: E402

_SCRIPT = Path(__file__).with_name("two_ranks.py")
_ROOT = Path(__file__).parents[3]


def _figures(run):
    with (run / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{name: float(row[name]) for name in row if name != "seconds" and row[name]} for row in rows]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Run the same training in one process, in `one`, and in two, in `two`."""
    if not torch.distributed.is_gloo_available():
        pytest.skip("torch without gloo")
    folder = tmp_path_factory.mktemp("runs")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    paths = os.pathsep.join(str(_ROOT / name) for name in ("src", "test"))
    done = subprocess.run(
        [*words, str(_SCRIPT), str(folder / "two"), "2"],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    main(folder / "one", 1)
    return folder


@pytest.mark.parametrize("name", ["whole", "parts"])
def test_two_ranks_with_half_batches_equal_one_rank_with_whole_batches(runs, name):
    """Test gathered negatives and DPHR's losses, with and without accumulated parts."""
    one, two = load_checkpoint(runs / "one" / name), load_checkpoint(runs / "two" / name)
    for mine, other in zip(_figures(runs / "one" / name), _figures(runs / "two" / name), strict=True):
        assert other == pytest.approx(mine, rel=1e-4, abs=1e-6)
    assert one.model["palw.coefficient"] > 0
    for part in ("model", "average"):
        for tensor_name, tensor in getattr(one, part).items():
            torch.testing.assert_close(getattr(two, part)[tensor_name], tensor, rtol=1e-4, atol=1e-6)
    assert torch.equal(one.source["order"], two.source["order"])


def test_two_killed_and_resumed_ranks_give_the_same_numbers(runs):
    """Test that the first rank's batch statistics are used to describe and plan, and are saved."""
    whole, cut = (load_checkpoint(runs / "two" / name) for name in ("norm", "norm-cut"))
    assert whole.step == cut.step == 6
    for part in ("model", "average"):
        for name, tensor in getattr(whole, part).items():
            assert torch.equal(getattr(cut, part)[name], tensor), name
    assert _figures(runs / "two" / "norm-cut") == _figures(runs / "two" / "norm")


def test_torchrun_and_the_configuration_must_agree(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ParameterError, match=r"torchrun started 2 processes, but hardware\.devices=1"):
        launch(HardwareConfig(accelerator="cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_a_gpu_that_is_not_there_is_a_sentence():
    with pytest.raises(ParameterError, match=r"accelerator=gpu .* is not available here"):
        launch(HardwareConfig(accelerator="gpu"))
