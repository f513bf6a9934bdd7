# SPDX-License-Identifier: Apache-2.0
"""`geoloc` has the commands of three packages, of which two may be missing."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from geoloc.cli import app, commands, main, train
from geoloc.cli.commands import COMMANDS, FLIGHT, LAB, TRAINING
from geoloc.errors import GeolocError

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("torch", "matplotlib", "rosbags", "numpy", "cv2", "rasterio", "geoloc_lab", "geoloc_training")
BY_NAME = {command.name: command for command in COMMANDS}


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def without(monkeypatch):
    """Return a function that hides modules as if they were not installed."""

    def block(*modules):
        for module in modules:
            monkeypatch.setitem(sys.modules, module, None)

    return block


def sentence_of(*arguments):
    result = invoke(*arguments)
    assert isinstance(result.exception, GeolocError), result.output
    return str(result.exception)


def test_help_lists_every_command_under_its_section():
    printed = invoke("--help").output
    places = [printed.index(section) for section in ("Fly", "Measure", "Simulate", "Train")]
    assert places == sorted(places)
    for command in COMMANDS:
        assert re.search(rf"\W{command.name}  +{command.summary.split()[0]}", printed), command.name


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from geoloc.cli import main; sys.argv = ['geoloc', '--help']\n"
        "try: main()\n"
        "finally: print([name for name in sys.modules if name in " + repr(HEAVY) + "])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"


def test_help_is_the_same_where_the_other_packages_are_missing(without):
    complete = invoke("--help").output
    without("geoloc_lab", "geoloc_training", "torch", "rosbags", "matplotlib")
    assert invoke("--help").output == complete


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_help_of_a_command_begins_with_its_summary(command):
    if command.part is TRAINING:
        pytest.importorskip("torch", reason="geoloc-train needs it")
    words = " ".join(str(command.load().help).split())
    assert words.startswith(command.summary)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.part is LAB], ids=lambda command: command.name)
def test_without_rosbags_a_command_says_what_to_install(command, without):
    without("rosbags")
    assert sentence_of(command.name, "--help") == (
        f"`geoloc {command.name}` needs rosbags, which is not installed; run `pip install 'geoloc[lab]'`, "
        "or `make setup` in a checkout."
    )


def test_several_missing_modules_are_named_together(without):
    without("rosbags", "jinja2", "matplotlib")
    assert "needs rosbags, matplotlib and jinja2, which are not installed" in sentence_of("evaluate")


@pytest.mark.parametrize("part", [LAB, TRAINING], ids=lambda part: part.package)
def test_without_the_package_a_command_says_what_to_install(part, without):
    without(part.package)
    name = next(command.name for command in COMMANDS if command.part is part)
    assert sentence_of(name) == (
        f"`geoloc {name}` needs {part.package}, which is not installed; "
        f"run `pip install 'geoloc[{part.extra}]'`, or `make {part.target}` in a checkout."
    )


def test_flight_commands_need_no_other_package(without):
    without("geoloc_lab", "geoloc_training", *LAB.needs, *TRAINING.needs)
    for command in COMMANDS:
        if command.part is FLIGHT:
            assert invoke(command.name, "--help").exit_code == 0


def test_nodes_without_ros_are_a_sentence(without, tmp_path):
    without("rclpy")
    assert "rclpy is not installed; source your ROS 2" in sentence_of("up", "--map", tmp_path)


def test_a_missing_package_is_one_line_on_the_shell():
    code = (
        "import sys; sys.modules['rosbags'] = None; sys.argv = ['geoloc', 'evaluate', 'bag']\n"
        "from geoloc.cli import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (
        "geoloc: `geoloc evaluate` needs rosbags, which is not installed; run `pip install 'geoloc[lab]'`, "
        "or `make setup` in a checkout.\n"
    )


@pytest.mark.parametrize("version", ["0.7.0", "0.9.0", "0.12.3"])
def test_an_old_typer_is_refused_in_a_sentence(version, monkeypatch, capsys):
    monkeypatch.setattr("typer.__version__", version)
    monkeypatch.setattr("sys.argv", ["geoloc", "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"geoloc: typer {version} is too old for the command line; run" in capsys.readouterr().err


def test_a_mistyped_command_is_corrected():
    result = invoke("evaluat")
    assert result.exit_code == 2
    assert "evaluate" in result.output


def test_train_passes_its_arguments_on_unchanged(monkeypatch, without):
    seen = []
    trainer = type(sys)("trainer")
    trainer.main = lambda: seen.append(list(sys.argv))
    monkeypatch.setitem(sys.modules, "trainer", trainer)
    monkeypatch.setattr(train, "PROGRAM", "trainer:main")
    monkeypatch.setattr(commands.Part, "missing", lambda _part: [])
    monkeypatch.setattr(sys, "argv", ["/usr/bin/geoloc", "train"])
    for words in (["--help"], ["fit", "--out", "run", "+preset=small", "--", "seed=2"], []):
        assert invoke("train", *words).exit_code == 0
        assert seen.pop() == ["/usr/bin/geoloc-train", *words]


def test_train_runs_the_program_that_is_installed_as_geoloc_train():
    assert f'"geoloc-train = {train.PROGRAM}"' in (ROOT / "setup.py").read_text(encoding="utf-8")
    module, _, function = train.PROGRAM.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("map", "inspect", "~/a_map"), "a_map"),
        (("map", "build", "~/ortho.tif", "--out=~/a_map"), "ortho.tif"),
        (("map", "advise", "--height", "110", "--camera-info=~/lens.yaml"), "lens.yaml"),
        (("replay", "~/flight"), "flight"),
        (("up", "--map", ".", "--params-file=~/drone.yaml"), "drone.yaml"),
    ],
)
def test_every_path_may_begin_with_the_home_folder(monkeypatch, tmp_path, arguments, named):
    (tmp_path / "map.yaml").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / named) in sentence_of(*arguments)


def test_topics_with_a_tilde_stay_as_they_are(monkeypatch):
    seen = []

    def not_now(choices):
        seen.append(choices.topics.image_topic)
        raise GeolocError("not now")

    monkeypatch.setattr("geoloc.nodes.startup.programs.bring_up", not_now)
    assert sentence_of("up", "--map", "m", "--image-topic", "~/image") == "not now"
    assert seen == ["~/image"]
