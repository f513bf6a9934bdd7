# SPDX-License-Identifier: Apache-2.0
"""Examples in the documentation: options of commands exist, marked blocks run, and Python compiles."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from doc_examples import Call, calls, launch_arguments, wrong
from doc_pages import ROOT, RUNS, Block, all_blocks, blocks

SHELL = ("sh", "bash", "shell")
_SECONDS = 120  # for a busy machine; an idle machine needs a tenth
_PROGRAMS = {
    "geoloc": "from geoloc.cli import main; main()",
    "geoloc-train": "from geoloc_training.cli import main; main()",
}
MADE = f"""
{RUNS}
```sh
source .venv/bin/activate
geoloc map --help > help.txt   # a page
grep build \\
    help.txt
```

{RUNS}

```python
assert "verify" in open("help.txt").read()
```
"""


def checkout(folder: Path) -> Path:
    """Make a folder with the layout of a checkout and its .venv, in which examples run."""
    programs = folder / ".venv/bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text("", encoding="utf-8")
    for name, code in _PROGRAMS.items():
        (programs / name).write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n', encoding="utf-8"
        )
        (programs / name).chmod(0o755)
    for name in ("models", "config", "docs"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def run(found: list[Block], folder: Path) -> None:
    """Run blocks in order in a folder."""
    environment = os.environ | {
        "PATH": f"{folder / '.venv/bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
    }
    for block in found:
        program = [sys.executable, "-c"] if block.language == "python" else ["bash", "-euo", "pipefail", "-c"]
        done = subprocess.run(
            [*program, block.text],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block.page}, line {block.line}: {done.stdout}\n{done.stderr}"


def marked() -> dict[str, list[Block]]:
    """Return the marked blocks, by page."""
    found: dict[str, list[Block]] = {}
    for block in all_blocks(*SHELL, "python"):
        if block.runs:
            found.setdefault(block.page, []).append(block)
    return found


def example(text: str) -> list[Call]:
    return list(calls(Block("page", 1, "sh", text, runs=False)))


def test_options_in_the_documentation_exist() -> None:
    pytest.importorskip("torch", reason="geoloc-train needs it")
    found = [call for block in all_blocks(*SHELL) for call in calls(block)]
    assert any(call.program == "geoloc" for call in found)
    said = {f"{call.where}: {' '.join(call.words)}": wrong(call) for call in found}
    assert {where: why for where, why in said.items() if why} == {}


def test_marked_examples_run(tmp_path: Path) -> None:
    for number, found in enumerate(marked().values()):
        run(found, checkout(tmp_path / str(number)))


def test_a_sequence_runs_in_one_folder(tmp_path: Path) -> None:
    found = list(blocks(MADE, "made"))
    assert [(block.language, block.line, block.runs) for block in found] == [
        ("sh", 4, True),
        ("python", 13, True),
    ]
    run(found, checkout(tmp_path))


def test_a_failing_line_fails_the_example(tmp_path: Path) -> None:
    (block,) = blocks(f"{RUNS}\n```sh\nfalse\ntrue\n```\n", "made")
    with pytest.raises(AssertionError, match="made, line 3"):
        run([block], checkout(tmp_path))


def test_python_of_the_documentation_compiles() -> None:
    for block in all_blocks("python", "py"):
        ast.parse(block.text, f"{block.page}, line {block.line}")


def test_lines_are_joined_and_comments_dropped() -> None:
    text = "make setup && source x/activate   # it's both\n\ngeoloc map build a.tif \\\n  --out 'b c'; ls\n"
    assert [(call.where, call.words) for call in example(text)] == [
        ("page, line 1", ("make", "setup")),
        ("page, line 1", ("source", "x/activate")),
        ("page, line 3", ("geoloc", "map", "build", "a.tif", "--out", "b c")),
        ("page, line 3", ("ls",)),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "geoloc map build ortho.tif --model m --view-size 90 --out my_map",
        "geoloc simulate flight --help",
        "geoloc map build …",
        "geoloc demo --seed 8 …",
        "make demo DATA=folder",
        "ros2 launch geoloc bringup.launch.py map:=my_map",
        "ros2 launch geoloc replay.launch.py bag:=flight.mcap use_sim_time:=true",
        "ros2 run geoloc camera_node --ros-args -p a:=b",
        "ros2 topic echo /geoloc/fix",
        ".venv/bin/python tools/bench/bench.py index",
        "git clone … && colcon build",
    ],
)
def test_a_correct_command_is_accepted(text: str) -> None:
    assert [wrong(call) for call in example(text) if wrong(call)] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("geoloc map build ortho.tif --view-sise 90 --out my_map", "No such option: --view-sise"),
        ("geoloc map build --out my_map --view-size 90", "Missing"),
        ("geoloc map bulid a.tif", "No such command"),
        ("geoloc demo --seed x", "valid integer"),
        ("geoloc evalute flight.mcap", "No such command"),
        ("make demo tests", "no target tests"),
        ("ros2 launch geoloc bring.launch.py", "no launch file"),
        ("ros2 launch geoloc bringup.launch.py maps:=my_map", "no argument maps"),
        ("ros2 launch geoloc bringup.launch.py bag:=flight.mcap", "no argument bag"),
        ("ros2 run geoloc camera", "no program camera"),
        (".venv/bin/python tools/bench.py", "is not there"),
    ],
)
def test_a_wrong_command_is_found(text: str, said: str) -> None:
    (call,) = example(text)
    assert said in wrong(call)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("geoloc-train fit +preset=small optimiser.stepss=300", "'optimiser.stepss' is unknown"),
        ("geoloc-train fit +preset=smal", "smal"),
        ("geoloc train fitt", "No such command"),
        ("torchrun --nproc-per-node 4 … .venv/bin/geoloc-train export … --outt m", "No such option: --outt"),
        ("geoloc-train adapt --map a.tif --footage f --view-size 90 --out m methd.mode=clean", "'methd'"),
        ("geoloc-train fit +preset=small optimiser.steps=300 --out runs/first", ""),
    ],
)
def test_unknown_settings_of_training_are_found(text: str, said: str) -> None:
    pytest.importorskip("torch", reason="geoloc-train needs it")
    (call,) = example(text)
    assert (said in wrong(call)) if said else (wrong(call) == "")


def test_launch_arguments_are_read_without_ros() -> None:
    found = launch_arguments(ROOT / "launch/replay.launch.py")
    assert {"bag", "rate", "map", "image_topic"} <= found
    assert "bag" not in launch_arguments(ROOT / "launch/bringup.launch.py")
