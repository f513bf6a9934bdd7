# SPDX-License-Identifier: Apache-2.0
"""Where a result comes from: the commit that was measured, the day, the machine."""

import os
import subprocess
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path

from book import FigureError


def newest(files: Iterable[Path]) -> float:
    """Return when the last of these files was written, in seconds since 1970."""
    return max(file.stat().st_mtime for file in files)


def commit_at(checkout: Path, when: float) -> str:
    """Return the short hash of the last commit of a checkout that is not younger than a result.

    Raises:
        FigureError: where the folder lies in no git checkout, or the result is older than its first commit.
    """
    call = ["git", "-C", str(checkout), "log", "-1", "--abbrev=9", "--format=%h", f"--before={int(when)}"]
    said = subprocess.run(call, capture_output=True, text=True, check=False)
    if said.returncode or not said.stdout.strip():
        why = said.stderr.strip() or "no commit is that old"
        raise FigureError(f"{checkout}: which commit was measured is not known ({why})")
    return said.stdout.strip()


def day(when: float) -> str:
    """Return the day of a moment as YYYY-MM-DD, in UTC."""
    return datetime.fromtimestamp(when, timezone.utc).date().isoformat()


def machine() -> str:
    """Return this machine in words."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0))
    return f"{cores} core{'s' if cores > 1 else ''} of {names[0] if names else 'an unnamed processor'}"
