# SPDX-License-Identifier: Apache-2.0
"""The documentation builds as a site, without a warning, and holds every page."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= {page.relative_to(tmp_path) for page in tmp_path.rglob("*.html")}
    home = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'src="http' not in home, "the site must work without a network"
    assert 'rel="stylesheet" href="http' not in home
