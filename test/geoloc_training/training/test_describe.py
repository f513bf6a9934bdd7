# SPDX-License-Identifier: Apache-2.0
"""Images described with the current weights, also mirrored and in the precision of training steps."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from geoloc_training.training.describe import Describer  # noqa: E402
from tiny_training import SIDE, TinyEncoder  # noqa: E402
from tiny_unpaired import pictures  # noqa: E402


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    return pictures(tmp_path_factory.mktemp("pictures")).queries


def _low():
    return torch.autocast("cpu", torch.bfloat16)


def test_a_mirrored_pictures_descriptor_is_added_before_normalising(items):
    torch.manual_seed(0)
    describer = Describer(TinyEncoder(), SIDE)
    plain = describer.items(items)
    seen = []
    views = describer.views

    def spied(given, **options):
        seen.append(given)
        return views(given, **options)

    describer.views = spied
    found = describer.items(items, flip=True)
    assert np.array_equal(seen[1], seen[0][:, :, ::-1])
    both = plain + views(np.ascontiguousarray(seen[1]))
    np.testing.assert_allclose(found, both / np.linalg.norm(both, axis=1, keepdims=True), atol=1e-6)
    assert np.abs(found - plain).max() > 1e-3


def test_the_precision_of_training_steps_is_used_where_it_is_asked_for(items):
    torch.manual_seed(0)
    encoder = TinyEncoder()
    full, low = Describer(encoder, SIDE), Describer(encoder, SIDE, autocast=_low)
    assert np.array_equal(low.items(items), full.items(items))
    rounded = low.items(items, as_trained=True)
    assert rounded.dtype == np.float32
    assert 1e-5 < np.abs(rounded - full.items(items)).max() < 0.05
