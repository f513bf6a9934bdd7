# SPDX-License-Identifier: Apache-2.0
"""Origin of a result: the measured commit, the date and the machine."""

import os
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from book import FigureError


def newest(files: Iterable[Path]) -> float:
    """Return the time at which the newest of these files was written, in seconds since 1970."""
    return max(file.stat().st_mtime for file in files)


def commit_at(checkout: Path, when: float) -> str:
    """Return the short hash of the newest commit that is not newer than a result.

    Raises:
        FigureError: if the folder is not in a git checkout, or the result is older than its first commit.
    """
    call = ["git", "-C", str(checkout), "log", "-1", "--abbrev=9", "--format=%h", f"--before={int(when)}"]
    said = subprocess.run(call, capture_output=True, text=True, check=False)
    if said.returncode or not said.stdout.strip():
        why = said.stderr.strip() or "every commit is newer than the result"
        raise FigureError(f"{checkout}: the measured commit is unknown ({why}); measure in a git checkout.")
    return said.stdout.strip()


def day(when: float) -> str:
    """Return the UTC date of a time in seconds since 1970, as YYYY-MM-DD."""
    return datetime.fromtimestamp(when, timezone.utc).date().isoformat()


def machine() -> str:
    """Return a description of this machine: number of cores and processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    return f"{cores} core{'s' if cores > 1 else ''} of {names[0] if names else 'an unnamed processor'}"
