# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from geoloc.errors import ParameterError
from geoloc_training.config import TrainConfig, build_config, load_config, plain

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "training").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_shipped_recipes_load_and_survive_a_round_trip(path):
    config = load_config(path)
    assert config.sources
    assert build_config(plain(config)) == config


def test_overrides_reach_nested_settings_and_sources():
    config = load_config(SHIPPED[0], ["optimiser.steps=900", "sources.0.share=0.25", "seed=7"])
    assert (config.optimiser.steps, config.sources[0].share, config.seed) == (900, 0.25, 7)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimiser.stepps=3", "unknown setting optimiser.stepps"),
        ("optimiser.steps=many", "must be int"),
        ("optimiser.steps=10", r"warmup_steps=\d+ is not below steps=10"),
        ("optimiser.precision=int8", "precision 'int8' is unknown"),
        ("seed", "has no '='"),
        ("sources.0.view_size_m=[90, 60]", "rising range"),
        ("validation=[claremont:2016:2020]", "both trained on and validated"),
    ],
)
def test_bad_settings_are_sentences(override, sentence):
    with pytest.raises(ParameterError, match=sentence):
        load_config(SHIPPED[0], [override])


def test_missing_and_foreign_files_are_sentences(tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ParameterError, match="must hold a mapping"):
        load_config(tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(ParameterError, match="not valid YAML"):
        load_config(tmp_path / "broken.yaml")


def test_defaults_are_a_valid_configuration():
    assert TrainConfig().optimiser.steps > 0
