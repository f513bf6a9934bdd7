# SPDX-License-Identifier: Apache-2.0
"""The study of damaged views: each function applies the stated amount of damage."""

import sys
from pathlib import Path

import numpy as np
import pytest

from fakes import ground

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "studies"))

import view_quality_study as study  # noqa: E402 - found through the line above

VIEW = ground(64, 64)


@pytest.mark.parametrize(
    ("damage", "nothing"), [(study.blurred, 0.0), (study.skewed, 0.0), (study.covered, 1.0)]
)
def test_no_damage_leaves_the_view(damage, nothing):
    assert np.array_equal(damage(VIEW, 1, nothing), VIEW)


def test_damages_are_as_large_as_they_say():
    line = np.zeros((64, 64, 3), np.uint8)
    line[:, 32] = 255
    assert (study.blurred(line, 0, 4)[32, :, 0] > 0).sum() == pytest.approx(4 * study.FINER, abs=2)
    columns = study.skewed(line, 0, 8)[..., 0].argmax(axis=1)
    assert abs(int(columns[-2]) - int(columns[1])) == pytest.approx(8 * study.FINER, abs=2)
    assert len(np.unique(study.coarser(VIEW, 0, 4).reshape(-1, 3), axis=0)) > 8
    lost = (study.covered(VIEW, 0, 0.5) != VIEW).any(axis=2)
    assert lost[:32].mean() > 0.9
    assert not lost[32:].any()
