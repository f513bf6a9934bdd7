# SPDX-License-Identifier: Apache-2.0
"""kornia's matcher with weights from local files; random weights stand in for the real ones."""

import numpy as np
import pytest

from geoloc.errors import ModelError
from geoloc.refine import Verdict, make_method
from refine_scene import SIDE_PX, patch_of, town, view_of

torch = pytest.importorskip("torch", reason="torch is not installed: `make setup-train`")
feature = pytest.importorskip("kornia.feature", reason="kornia is not installed: `make setup-train`")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    torch.save({"extractor": feature.DISK().state_dict()}, folder / "depth-save.pth")
    state = feature.LightGlue(features=None, input_dim=128).state_dict()
    # Names as in the release.
    old = {}
    for name, value in state.items():
        parts = name.split(".")
        if parts[0] == "transformers":
            parts[:3] = [parts[2], parts[1]]
        old[".".join(parts)] = value
    torch.save(old, folder / "disk_lightglue.pth")
    return folder


def test_weights_on_the_disk_match_points_of_view_and_patch(weights):
    from geoloc.refine.torch_lightglue import LightGlueMatcher

    patch = patch_of(town(1))
    matches = LightGlueMatcher(weights).match(view_of(town(1)), patch.rgb, patch.valid)
    assert matches.view.shape == matches.patch.shape
    assert matches.view.shape[1] == 2
    assert np.all((matches.view >= 0) & (matches.view < SIDE_PX))


def test_what_does_not_match_is_undecided(weights):
    method = make_method("lightglue", weights=weights)
    found = method.register(np.full((SIDE_PX, SIDE_PX, 3), 90, np.uint8), patch_of(town(1)))
    assert found.verdict is Verdict.UNDECIDED


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"depth-save.pth is missing"):
        make_method("lightglue", weights=tmp_path)


@pytest.mark.parametrize("damage", [b"", b"no weights"])
def test_a_damaged_file_is_named(weights, tmp_path, damage):
    (tmp_path / "depth-save.pth").write_bytes((weights / "depth-save.pth").read_bytes())
    (tmp_path / "disk_lightglue.pth").write_bytes(damage)
    with pytest.raises(ModelError, match=r"disk_lightglue.pth cannot be loaded"):
        make_method("lightglue", weights=tmp_path)


def test_weights_of_another_network_are_refused(weights, tmp_path):
    (tmp_path / "depth-save.pth").write_bytes((weights / "depth-save.pth").read_bytes())
    torch.save({"posenc.Wr.weight": torch.zeros(32, 2)}, tmp_path / "disk_lightglue.pth")
    with pytest.raises(ModelError, match="another network"):
        make_method("lightglue", weights=tmp_path)
