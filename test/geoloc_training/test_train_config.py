# SPDX-License-Identifier: Apache-2.0
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("omegaconf")

from geoloc.errors import ParameterError
from geoloc_training.compose import group_names, load_config, load_data
from geoloc_training.config import TrainConfig, build_config, plain
from geoloc_training.datasets.published.registry import DATA_SETS


@pytest.mark.parametrize("preset", group_names("preset"))
def test_shipped_presets_load_and_survive_a_round_trip(preset, tmp_path):
    config = load_config([f"+preset={preset}"])
    assert build_config(plain(config)) == config
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(plain(config)))
    assert load_config(recipe=tmp_path / "config.yaml") == config


@pytest.mark.parametrize("data", group_names("data"))
def test_every_shipped_data_set_composes_under_its_own_name(data):
    assert load_config([f"data={data}"]).data.name == data


def test_every_known_data_set_may_be_named():
    assert set(group_names("data")) == {"map", *DATA_SETS}


def test_the_presets_are_what_their_names_say():
    host, dphr, lpn = (load_config([f"preset={name}"]) for name in ("sample4geo", "dphr", "lpn"))
    assert (host.method.name, host.dphr.weight, dphr.dphr.weight, lpn.method.name) == (
        "sample4geo",
        0,
        1,
        "lpn",
    )
    assert plain(dphr) | {"dphr": 0} == plain(host) | {"dphr": 0}
    small, hard = (load_config([f"+preset={name}"]) for name in ("small", "small_hard"))
    assert (hard.model, hard.augment.offset) == (small.model, small.augment.offset)
    assert [s.images for s in hard.data.sources] == [s.images for s in small.data.sources]
    assert hard.data.sources[0].one_group_share > small.data.sources[0].one_group_share
    assert (lpn.optimiser.name, lpn.optimiser.schedule, lpn.optimiser.backbone_rate) == ("sgd", "step", 0.1)


def test_dmnil_is_as_its_authors_trained_it_on_each_data_set():
    presets = ("dmnil", "dmnil_sues200", "dmnil_denseuav")
    u1652, sues, dense = (load_config([f"preset={name}"]) for name in presets)
    assert [c.data.name for c in (u1652, sues, dense)] == ["u1652", "sues200_150", "denseuav"]
    assert {c.data.validation_share for c in (u1652, sues, dense)} == {
        0.0
    }  # no labels, not even to choose by
    optimiser = u1652.optimiser
    assert (optimiser.epochs, optimiser.pairs, optimiser.learning_rate) == (40, 64, 1e-3)
    assert (optimiser.nesterov, optimiser.milestones, u1652.method.steps_per_epoch) == (False, (0.5,), 400)
    assert (u1652.method, sues.method) == (sues.method, u1652.method)
    assert dense.method.clusters.reference_min_samples == 4
    assert load_config(["preset=dmnil", "data=sues200_300"]).data.name == "sues200_300"


def test_release_mode_changes_only_settings_at_their_defaults():
    words = ["preset=dmnil", "method.mode=release", "method.copies=2", "method.levels.keep=0.75"]
    config = load_config(words)
    found = config.method.copies, config.method.levels.keep, config.method.levels.start
    assert found == (2, 0.75, "zeros")
    assert load_config(["preset=dmnil", "method.mode=release"]).method.copies == 50
    assert build_config(plain(config)) == config
    clean, release = (
        load_config(["preset=dmnil", f"method.mode={mode}"]).method for mode in ("clean", "release")
    )
    assert (clean.evolution.reference_to_query, release.evolution.reference_to_query) == (0.5, 0.55)
    assert release.enhancement.noise_length / 768**0.5 == pytest.approx(0.05)
    assert (clean.clusters.reference_min_samples, release.clusters.reference_min_samples) == (1, 4)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("dphr.weight=1", "dphr.weight=1.0 reweights pairs, but method dmnil learns from unpaired"),
        ("optimiser.pairs=30", "method.instances=4 does not divide optimiser.pairs=30"),
    ],
)
def test_dmnil_refuses_what_needs_pairs(word, sentence):
    with pytest.raises(ParameterError, match=sentence):
        load_config(["preset=dmnil", word])


def test_overrides_reach_nested_settings_sources_and_paths():
    words = ["optimiser.steps=900", "data.sources.0.share=0.25", "seed=7", "data.root=/a b/(c),d/e"]
    config = load_config(["+preset=small", *words])
    found = config.optimiser.steps, config.data.sources[0].share, config.seed, config.data.root
    assert found == (900, 0.25, 7, "/a b/(c),d/e")


def test_a_data_set_on_the_command_line_wins_over_the_presets():
    assert load_config(["+preset=lpn", "data=sues200"]).data.name == "sues200"


def test_a_recipe_of_ones_own_takes_overrides_and_another_data_set(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(yaml.safe_dump({"seed": 3, "optimiser": {"steps": 10, "warmup_steps": 1}}))
    config = load_config(["data=u1652", "data.root=/d", "optimiser.steps=20"], path)
    assert (config.seed, config.optimiser.steps, config.data.name, config.data.root) == (3, 20, "u1652", "/d")
    assert load_config(["data=cvusa"], path).image_augment == load_config(["data=cvusa"]).image_augment
    with pytest.raises(ParameterError, match="--config exclude each other"):
        load_config(["+preset=lpn"], path)


def test_evaluation_names_its_data():
    trained = load_config(["data=u1652", "data.root=/there"]).data
    assert load_data([], trained) == trained
    assert load_data(["data.root=/here"], trained).root == "/here"
    assert load_data(["data=sues200", "data.root=/here"], trained).name == "sues200"
    with pytest.raises(ParameterError, match="no data set is named; add data=NAME"):
        load_data([])
    with pytest.raises(ParameterError, match="'seed=3' is not a setting of data"):
        load_data(["seed=3"], trained)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("optimiser.stepps=3", "'optimiser.stepps' is unknown; known: .*steps"),
        ("optimiser.steps=many", "must be a whole number, found 'many'"),
        ("optimiser.steps=10", "warmup_steps=100 is not below steps=10"),
        ("optimiser.steps=0", "steps=0 and epochs=0"),
        ("optimiser.accumulate=5", "accumulate=5 does not divide optimiser.pairs=96"),
        ("optimiser.accumulate=96", "parts of one pair, without negatives"),
        ("optimiser.schedule=step", r"schedule=step has no optimiser\.milestones"),
        ("optimiser.schedule=linear", "schedule 'linear' is unknown"),
        ("optimiser.name=lion", "optimiser.name 'lion' is unknown"),
        ("optimiser.ema_decay=1.0", "ema_decay=1.0"),
        ("optimiser.pairs=3,4", "must be a whole number, found '3,4'"),
        ("optimiser.weight_decay=-0.1", "weight_decay=-0.1 or .* is out of range"),
        ("optimiser.momentum=1.0", "momentum=1.0 is out of range"),
        ("optimiser.warmup_steps=-1", "warmup_steps=-1 .* or is negative"),
        ("optimiser.gamma=0", "gamma=0.0 does not lower the learning rate"),
        ("model.input_px=0", "model.input_px=0 is not positive"),
        ("model.std=[0.2, 0, 0.2]", "model.std=.* has an entry of 0 or less"),
        ("augment.border_share=1.5", "augment.border_share=1.5 is out of range"),
        ("augment.ramp_steps=-5", "augment.ramp_steps=-5 is negative"),
        ("seed=-1", "seed=-1 is negative"),
        ("hardware.precision=int8", "precision 'int8' is unknown"),
        (
            "hardware={precision: fp16, accelerator: cpu}",
            "precision=fp16 needs a GPU, but .*accelerator is cpu",
        ),
        ("hardware={sync_batchnorm: true, accelerator: cpu}", "sync_batchnorm=true needs GPUs"),
        ("hardware.devices=5", "pairs=96 cannot be divided evenly among 5 devices"),
        ("dphr.weight=-1", "dphr.weight=-1.0 is negative"),
        ("method.name=lpn", "method lpn .* data 'map'"),
        ("method.name=dmnil", "method dmnil .* data 'map'"),
        ("method={name: dmnil, mode: loose}", "method.mode 'loose' is unknown; use clean or release"),
        ("method={name: dmnil, clusters: {query_eps: 2}}", r"method\.clusters\.query_eps=2\.0 is no Jaccard"),
        ("method={name: dmnil, clusters: {k1: 0}}", "clusters.k2=6 is not in 1..k1 with k1=0"),
        ("method={name: dmnil, memory: {momentum: 1.5}}", r"method\.memory\.momentum=1\.5 is no weight"),
        ("method={name: dmnil, memory: {repeated: sum}}", "'sum' is unknown; use mean or sequence"),
        ("method={name: dmnil, levels: {keep: -1}}", r"method\.levels\.keep=-1\.0 is out of range"),
        ("method={name: dmnil, evolution: {threshold: 1}}", r"evolution\.threshold=1\.0 is no share"),
        ("method={name: dmnil, evolution: {cross: -1}}", r"evolution\.cross=-1\.0 is negative"),
        ("method={name: dmnil, evolution: {uniform_count: 0}}", "uniform_count=0 is out of range"),
        ("method={name: dmnil, enhancement: {nearest: 0}}", "nearest=0 .*out of range"),
        ("method={name: dmnil, pictures_every: -1}", r"method\.pictures_every=-1 is negative"),
        ("method={name: dmnil, temperature: 0}", r"method\.temperature=0\.0 .*out of range"),
        ("method={name: dmnil, copies: 0}", r"method\.copies=0 is not positive"),
        ("method.name=siamese", "'method.name' 'siamese' is unknown; use sample4geo, lpn or dmnil"),
        ("data=u1562", "data 'u1562' is unknown; use one of cvact, .*u1652"),
        ("preset=large", "preset 'large' is unknown; use one of adapt, dmnil, .*dphr"),
        ("data.sampling=hard", "data.sampling 'hard' is unknown; use random, gps or similarity"),
        ("data.neighbours=129", "data.neighbours=129 must be above 0 and at most data.pool=128"),
        ("data.resample_every=0", "data.resample_every=0 must be above 0"),
        ("data.sampling=gps", "sampling=gps applies to published sets only, and data 'map'"),
        ("data.validation_share=1", "validation_share=1.0 is out of range"),
        ("data.sources.0.view_size_m=[90, 60]", "rising range"),
        ("data.sources.0.view_size_m=[90]", r"list of 2 values, found \[90\]"),
        ("data.validation=[claremont:2016:2020]", "both in cities and in data.validation"),
        ("seed", "is not key=value"),
        ("seed=[1", "cannot be read"),
        ("checkpoint_every=0", "checkpoint_every=0"),
    ],
)
def test_bad_settings_are_sentences(override, sentence):
    with pytest.raises(ParameterError, match=sentence) as refused:
        load_config([override])
    assert "\n" not in str(refused.value)


def test_neighbours_on_the_ground_need_positions():
    assert load_config(["data=vigor", "data.sampling=gps"]).data.sampling == "gps"
    with pytest.raises(ParameterError, match="gps needs positions and data 'sues200_150' has none"):
        load_config(["data=sues200_150", "data.sampling=gps"])


def test_missing_and_foreign_files_are_sentences(tmp_path):
    with pytest.raises(ParameterError, match="does not exist"):
        load_config(recipe=tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(ParameterError, match="must hold a mapping"):
        load_config(recipe=tmp_path / "list.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1")
    with pytest.raises(ParameterError, match="not valid YAML"):
        load_config(recipe=tmp_path / "broken.yaml")


def test_defaults_are_a_valid_configuration():
    assert TrainConfig().optimiser.steps > 0


def test_paths_may_begin_with_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    words = ["data.root=~/towns", "model.pretrained=true", "model.pretrained_file=~/weights.pth"]
    config = load_config(words)
    assert config.data.root == str(tmp_path / "towns")
    assert config.model.pretrained_file == str(tmp_path / "weights.pth")
    assert build_config({"data": {"root": "~/towns"}}).data.root == str(tmp_path / "towns")
