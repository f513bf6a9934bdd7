# SPDX-License-Identifier: Apache-2.0
"""The command on a tiny map and a tiny flight: a model and its map, resuming, and bad inputs."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("onnx")
pytest.importorskip("lightning_fabric")

import tiny_region
from geoloc.encoder import load_card, load_encoder
from geoloc.errors import BagError, MapError, ParameterError, RasterError
from geoloc.mapping.directory import open_map
from geoloc_training.cli import app as cli
from geoloc_training.label_free.validation import LabelFreeValidation
from geoloc_training.training.checkpoint import initial_weights, load_average

FEW_STEPS = (
    "optimiser.epochs=2",
    "optimiser.pairs=8",
    "optimiser.warmup_steps=0",
    "method.steps_per_epoch=2",
    "optimiser.learning_rate=5e-4",
    "hardware.accelerator=cpu",
    "hardware.threads=1",
    "hardware.precision=fp32",
)


class Killed(Exception):
    pass


def _command(*words):
    cli.app([str(word) for word in words], standalone_mode=False)


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    """A map, a bag and an initial model."""
    folder = tmp_path_factory.mktemp("region")
    tiny_region.write_map(folder / "ortho.tif")
    tiny_region.write_bag(folder / "bag")
    tiny_region.write_model(folder / "init")
    return folder


def _adapt(region, out, *words, few=FEW_STEPS, **options):
    """Run the command with the region's options, unless others are given."""
    chosen = {
        "map": region / "ortho.tif",
        "footage": region / "bag",
        "init": region / "init",
        "view-size": 40,
    }
    chosen |= {"out": out / "adapted", "run": out / "run"} | options
    named = [word for name, value in chosen.items() for word in (f"--{name}", value)]
    _command("adapt", *named, *few, *words)
    return out / "adapted"


@pytest.fixture(scope="module")
def adapted(region, tmp_path_factory):
    return _adapt(region, tmp_path_factory.mktemp("adapted"))


def _log(run):
    with (run / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_adapted_model_works_with_its_map(region, adapted):
    card = load_card(adapted)
    assert (card.id, card.method, card.input_px) == ("adapted", "dmnil", 32)
    built = open_map(adapted.with_name("adapted-map"), card)
    assert built.view_size_m == 40.0
    views = np.zeros((1, 32, 32, 3), np.uint8)
    assert load_encoder(adapted).describe(views).shape == (1, 64)
    with pytest.raises(MapError):
        open_map(adapted.with_name("adapted-map"), load_card(region / "init"))


def test_the_log_has_the_figures_of_every_epoch(adapted):
    rows = _log(adapted.parent / "run")
    assert len(rows) == 4
    for row, there in zip(rows, (False, True, False, True), strict=True):
        for name in ("mutual", "continuity", "stability", "likeness", "selection"):
            assert bool(row[f"free_{name}"]) == there
    first = json.loads((adapted.parent / "run" / "beginning.json").read_text())
    assert 0 <= first["free_mutual"] <= 1


def test_the_card_records_the_origin_of_the_weights(region, adapted):
    tree = yaml.safe_load((adapted / "model.yaml").read_text(encoding="utf-8"))
    assert tree["training"]["data"] == ["region"]
    assert tree["training"]["command"].startswith(
        "geoloc-train adapt --map ortho.tif --footage bag --init init"
    )
    assert str(region) not in tree["training"]["command"]
    assert tree["notes"]["begun_with"].startswith("init, weights ")
    assert "no labels" in tree["notes"]["learnt_from"]
    assert tree["gsd_range_m"] == [0.5, 2.0]


def test_a_rerun_learns_nothing_new_and_exports_the_same(region, adapted, capsys):
    before = (adapted / "encoder.safetensors").read_bytes()
    again = _adapt(region, adapted.parent)
    assert (again / "encoder.safetensors").read_bytes() == before
    said = capsys.readouterr().out
    assert "next: geoloc up --map" in said
    assert "views from 35 frames" in said


def test_an_interrupted_run_resumes_to_the_same_numbers(region, adapted, tmp_path, monkeypatch):
    measure, calls = LabelFreeValidation.__call__, []

    def killed(self, describer):
        calls.append(1)
        if len(calls) == 3:  # the validation of the second epoch
            raise Killed
        return measure(self, describer)

    monkeypatch.setattr(LabelFreeValidation, "__call__", killed)
    with pytest.raises(Killed):
        _adapt(region, tmp_path)
    monkeypatch.undo()
    assert not (tmp_path / "adapted").exists()
    views = (tmp_path / "run" / "views" / "frames.csv").stat().st_mtime_ns
    _adapt(region, tmp_path)
    assert (tmp_path / "run" / "views" / "frames.csv").stat().st_mtime_ns == views  # not cut again
    for which in ("best", "last"):
        (step, whole), (other, resumed) = (
            load_average(run, which) for run in (adapted.parent / "run", tmp_path / "run")
        )
        assert step == other
        assert all(np.array_equal(whole[name], resumed[name]) for name in whole)


def test_cutting_that_was_interrupted_begins_anew(region, tmp_path):
    half = tmp_path / "run" / "views.part"
    half.mkdir(parents=True)
    (half / "frames.csv").write_text("half")
    _adapt(region, tmp_path, few=(*FEW_STEPS, "optimiser.epochs=1"))
    assert not half.exists()
    assert (tmp_path / "run" / "views" / "cut.json").is_file()


def test_the_initial_weights_are_exported_if_no_epoch_is_better(region, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    perfect = {"free_mutual": 1.0, "free_likeness": 1.0, "free_selection": 2.0}  # without figures of order
    (tmp_path / "run" / "beginning.json").write_text(json.dumps(perfect))
    out = _adapt(region, tmp_path, "optimiser.epochs=1")
    assert "adaptation did not help: no epoch was better than the initial weights" in capsys.readouterr().out
    first, found = initial_weights(region / "init"), initial_weights(out)
    assert all(np.array_equal(first[name], found[name]) for name in first)
    card = load_card(out)
    assert card.calibration.min_score == 0.25
    open_map(tmp_path / "adapted-map", card)


def test_another_map_or_footage_needs_another_run(region, adapted, tmp_path):
    run = shutil.copytree(adapted.parent / "run", tmp_path / "run")
    with pytest.raises(ParameterError, match="was trained with another map, footage, --init or other"):
        _adapt(region, tmp_path, **{"view-size": 36})
    shutil.rmtree(run / "checkpoint")
    _adapt(region, tmp_path, "optimiser.epochs=1", **{"view-size": 36})  # no step yet: cut again


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("model.input_px=64", "'model.input_px=64' cannot be set here"),
        ("data.root=x", "'data.root=x' cannot be set here"),
        ("+preset=dmnil", "'\\+preset=dmnil' cannot be set here"),
        ("method.label_free=false", "leaves no figure to choose an epoch by"),
        ("method.name=lpn", r"'method\.\w+' is unknown; known: dropout, name"),
    ],
)
def test_settings_that_cannot_be_are_refused(region, tmp_path, word, sentence):
    with pytest.raises(ParameterError, match=sentence):
        _adapt(region, tmp_path, word)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"overlap": 0.95}, "--overlap is 0.95"),
        ({"every-s": -1}, "--every-s is -1"),
        ({"view-size": -5}, "--view-size is -5"),
        ({"footprint-m": 0}, "--footprint-m is 0"),
        ({"topic": "picture=/x"}, "with a role of"),
    ],
)
def test_options_that_cannot_be_are_refused(region, tmp_path, options, sentence):
    with pytest.raises(ParameterError, match=sentence):
        _adapt(region, tmp_path, **options)


def test_footage_named_twice_is_refused(region, tmp_path):
    with pytest.raises(ParameterError, match="names a path twice"):
        _adapt(region, tmp_path, "--footage", region / "bag")


def test_too_few_frames_are_refused(region, tmp_path):
    bag = tiny_region.write_bag(tmp_path / "bag", track=tiny_region.TRACK[:5])
    with pytest.raises(BagError, match=r"gives \d views, but training needs at least 8"):
        _adapt(region, tmp_path, footage=bag)


def test_k1_is_lowered_for_few_frames(region, tmp_path, capsys):
    _adapt(region, tmp_path, "optimiser.epochs=1", "method.clusters.k1=30", "method.enhancement.by=votes")
    assert "views are few for method.clusters.k1=30" in capsys.readouterr().out
    assert (tmp_path / "adapted" / "model.yaml").is_file()


def test_footage_from_outside_the_map_is_a_sentence(region, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    elsewhere = cv2.resize(pixels, (400, 320), interpolation=cv2.INTER_CUBIC)
    tiny_region.write_map(tmp_path / "other.tif", elsewhere)
    with pytest.raises(BagError, match=r"only \d+% of the frames can be located .* outside"):
        _adapt(region, tmp_path, map=tmp_path / "other.tif")
    # Without a path such footage cannot be recognized, so it is used.
    _adapt(region, tmp_path, "method.enhancement.by=votes", map=tmp_path / "other.tif")


def test_no_usable_frame_is_a_sentence(region, tmp_path):
    bag = tiny_region.write_bag(tmp_path / "bag", height_m=2.0)
    with pytest.raises(BagError, match=r"none of 35 frames .* can be used \(35 bad_height\)"):
        _adapt(region, tmp_path, footage=bag)


def test_a_map_smaller_than_a_tile_is_a_sentence(region, tmp_path):
    with pytest.raises(RasterError, match=r"smaller than a tile .*--view-size"):
        _adapt(region, tmp_path, **{"view-size": 180})


def test_footage_without_any_pose_is_learnt_from(region, tmp_path, capsys):
    bag = tiny_region.write_bag(tmp_path / "bag", leave_out=("imu", "altitude", "camera_info"), truth=False)
    # By votes, because whether such a small encoder finds a path depends on rounding.
    words = ("optimiser.epochs=1", "method.enhancement.by=votes")
    _adapt(region, tmp_path, *words, footage=bag, **{"footprint-m": 60})
    said = capsys.readouterr().out
    assert "views were warped without attitude" in said
    assert (tmp_path / "adapted" / "model.yaml").is_file()


def test_no_footage_and_no_map_are_sentences(region, tmp_path):
    with pytest.raises(BagError, match="neither a bag"):
        _adapt(region, tmp_path, footage=tmp_path / "no")
    with pytest.raises(RasterError):
        _adapt(region, tmp_path, map=tmp_path / "no.tif")
