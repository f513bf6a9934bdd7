# SPDX-License-Identifier: Apache-2.0
"""The programs of the nodes: a Ctrl-C at any time, and a package that is not installed."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from geoloc.nodes.startup import entry
from geoloc.nodes.startup.programs import USER_MISTAKE

SOURCE = Path(entry.__file__).parents[3]


def program(folder: Path, text: str) -> subprocess.Popen[str]:
    """Start a program whose node is a module with this text."""
    (folder / "some_node.py").write_text(text, encoding="utf-8")
    code = f"import sys; sys.path[:0] = [{str(SOURCE)!r}, {str(folder)!r}]\n"
    code += "from geoloc.nodes.startup.entry import run_module; run_module('some_node', 'lab')"
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-S", "-c", code], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_ends_the_program_quietly(number: int, tmp_path: Path) -> None:
    with program(tmp_path, "import time\nprint('importing', flush=True)\ntime.sleep(30)\n") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_second_signal_does_not_kill_a_node_that_has_closed(tmp_path: Path) -> None:
    at_exit = "import atexit, os, signal\n@atexit.register\ndef _(): os.kill(os.getpid(), signal.SIGINT)\n"
    main = "def main(): signal.signal(signal.SIGINT, signal.SIG_DFL)\n"  # as Python does while it ends
    with program(tmp_path, at_exit + main) as process:
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


def test_a_package_that_is_not_installed_is_a_sentence(tmp_path: Path) -> None:
    with program(tmp_path, "import no_such_bags.reader\n") as process:
        _, error = process.communicate(timeout=10)
    assert process.returncode == USER_MISTAKE
    assert error == (
        "geoloc: some_node needs no_such_bags, which is not installed; run `rosdep install`, or "
        "`pip install 'geoloc[lab]'`.\n"
    )
