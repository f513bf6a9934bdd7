# SPDX-License-Identifier: Apache-2.0
"""The default model, used if none is named."""

import pytest

from geoloc import installed
from geoloc.encoder import load_card
from geoloc.errors import ModelError


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setattr(installed, "share_folders", lambda: [tmp_path])

    def make(*names):
        for name in names:
            (tmp_path / "models" / name).mkdir(parents=True)
            (tmp_path / "models" / name / "model.yaml").touch()

    return make


def test_the_users_own_models_do_not_replace_the_shipped_one(models):
    models("first", "geoloc-small-2", "region")
    assert installed.default_model() == "geoloc-small-2"


def test_a_single_model_is_the_default_whatever_its_name(models):
    models("mine")
    assert installed.default_model() == "mine"


def test_the_shipped_models_covariances_were_measured():
    calibration = load_card(installed.find_model(installed.default_model())).calibration
    assert calibration.is_measured(refined=False)
    assert calibration.is_measured(refined=True)
    assert calibration.off_map_score > 0.5


def test_a_model_is_found_by_id_by_directory_and_by_no_name(models, tmp_path):
    models("mine", "geoloc-small-2")
    mine = tmp_path / "models" / "mine"
    assert installed.find_model("mine") == installed.find_model(str(mine)) == mine
    assert installed.find_model().name == "geoloc-small-2"


def test_a_model_directory_in_the_working_folder_is_not_taken_unnamed(models, tmp_path, monkeypatch):
    models("geoloc-small-2", "mine")
    monkeypatch.chdir(tmp_path / "models" / "mine")
    assert installed.find_model("").name == "geoloc-small-2"
    assert installed.find_model(".").name == "mine"


@pytest.mark.parametrize("names", [(), ("one", "two"), ("geoloc-a", "geoloc-b")])
def test_a_name_is_required_unless_exactly_one_model_is_shipped(models, names):
    models(*names)
    for search in (installed.default_model, installed.find_model):
        with pytest.raises(ModelError, match=f"{len(names)} models are shipped"):
            search()
