# SPDX-License-Identifier: Apache-2.0
"""What made a run: the command and the version of the code, kept in its folder for the card."""

import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_COMMAND, _COMMIT = "command.txt", "commit.txt"


def write_origin(run: Path, words: Sequence[str], command: str = "fit") -> None:
    """Note the command that makes a run, with a placeholder for where its data lies."""
    shown = ["data.root=DIR" if word.lstrip("+").startswith("data.root=") else word for word in words]
    (run / _COMMAND).write_text(shlex.join(["geoloc-train", command, *shown]), encoding="utf-8")
    (run / _COMMIT).write_text(code_version(), encoding="utf-8")


def read_origin(run: Path) -> tuple[str, str]:
    """Return command and version of the code of a run; empty where they were not noted."""
    return _read(run / _COMMAND), _read(run / _COMMIT)


def code_version() -> str:
    """Return the git commit of this checkout ("-dirty" with changes), else the installed version."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],  # noqa: S607
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        try:
            return f"geoloc {version('geoloc')}"
        except PackageNotFoundError:
            return "unknown"
    return described.stdout.strip()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""
