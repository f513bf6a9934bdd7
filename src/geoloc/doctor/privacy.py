# SPDX-License-Identifier: Apache-2.0
"""Shortens paths for a public report: relative to the current folder or geoloc, else the file name."""

import os
import re
from pathlib import Path

from geoloc.installed import share_folders

_ABSOLUTE = re.compile(r"(?<![\w./~*])~?/[^\s:;,'\"`()<>|]+")


def shown(path: Path) -> str:
    """Return the form of a path that a public report may show."""
    absolute = Path(os.path.abspath(path.expanduser()))  # noqa: PTH100 - links stay links
    if absolute == _home():
        return "the home folder"
    for base in _bases():
        if absolute.is_relative_to(base):
            return absolute.relative_to(base).as_posix()
    return absolute.name or "/"


def scrub(text: str) -> str:
    """Return a text with its absolute paths shortened as by `shown`, and always without the home folder."""
    for base in sorted((*_bases(), _home()), key=lambda folder: -len(str(folder))):
        if len(base.parts) > 1:
            text = text.replace(f"{base}{os.sep}", "").replace(
                str(base), base.name if base != _home() else "~"
            )
    return _ABSOLUTE.sub(_last_name, text)


def _last_name(found: "re.Match[str]") -> str:
    """Return the file name of a path; leave a text whose first folder does not exist, such as a topic."""
    text = found[0].rstrip(".")
    parts = Path(text).parts
    if not text.startswith("~") and not (len(parts) > 1 and Path("/", parts[1]).exists()):
        return found[0]
    return Path(text).name + found[0][len(text) :]


def _bases() -> list[Path]:
    """List the folders that paths are shown relative to, without those that contain the home folder."""
    folders = [Path.cwd(), *share_folders()]
    return [folder for folder in folders if not _home().is_relative_to(folder)]


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # no HOME, and a user without an account, as in some containers
        return Path("/")
