# SPDX-License-Identifier: Apache-2.0
"""Progress is a bar on a terminal, and lines in a pipe."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

WORK = """
import time
from geoloc import progress
progress.LINE_EVERY_S = {every}
for _ in progress.progress_bar(range(50), label="tiles", unit="tile", shown={shown}):
    time.sleep(0.02)
"""
BY_HAND = """
import time
from geoloc import progress
progress.LINE_EVERY_S = 0.25
with progress.progress_bar(label="frames", unit="frame", total={total}) as bar:
    for _ in range(50):
        time.sleep(0.02)
        bar.update()
"""


NESTED = """
import time
from geoloc import progress
progress.LINE_EVERY_S = 0.05
for _ in progress.progress_bar(range(2), label="outer"):
    for _ in progress.progress_bar(range(10), label="inner"):
        time.sleep(0.02)
"""


def piped(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b""
    return done.stderr.decode()


def on_a_terminal(code):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen([sys.executable, "-c", code], stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # Linux raises it if the other end has closed
                break
            if not part:
                break
            seen += part
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()


def test_short_work_leaves_no_line_in_a_pipe():
    assert piped(WORK.format(every=30.0, shown=True)) == ""


def test_long_work_leaves_a_line_now_and_then_and_one_at_its_end():
    printed = piped(WORK.format(every=0.25, shown=True))
    assert "\r" not in printed
    lines = printed.splitlines()
    assert 2 <= len(lines) <= 6
    assert all(line.startswith("tiles: ") and line.endswith(" left") for line in lines)
    assert lines[-1].startswith("tiles: 100 %, 00:0")


def test_work_without_an_end_in_sight_counts():
    lines = piped(BY_HAND.format(total=None)).splitlines()
    assert lines[-1].startswith("frames: 50, 00:0")
    assert piped(BY_HAND.format(total=50)).splitlines()[-1].startswith("frames: 100 %")


def test_a_bar_inside_another_leaves_lines_alone():
    printed = piped(NESTED)
    assert "\x1b" not in printed
    assert {line.split(":")[0] for line in printed.splitlines()} == {"outer", "inner"}


def test_a_terminal_has_a_bar():
    seen = on_a_terminal(WORK.format(every=30.0, shown=True))
    assert seen.count("\r") > 3
    assert "tiles: 100%|" in seen
    assert "50/50" in seen


def test_progress_that_is_not_shown_is_shown_nowhere():
    assert piped(WORK.format(every=0.05, shown=False)) == ""
    assert on_a_terminal(WORK.format(every=0.05, shown=False)) == ""
