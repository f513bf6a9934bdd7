# SPDX-License-Identifier: Apache-2.0
"""Records the command and the code version of a run in its folder, for the model card."""

import shlex
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_COMMAND, _COMMIT = "command.txt", "commit.txt"


def write_origin(run: Path, words: Sequence[str], command: str = "fit") -> None:
    """Record the command of a run, with a placeholder for the folder of its data."""
    shown = ["data.root=DIR" if word.lstrip("+").startswith("data.root=") else word for word in words]
    (run / _COMMAND).write_text(shlex.join(["geoloc-train", command, *shown]), encoding="utf-8")
    (run / _COMMIT).write_text(code_version(), encoding="utf-8")


def read_origin(run: Path) -> tuple[str, str]:
    """Return the command and the code version of a run; empty if not recorded."""
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
