# SPDX-License-Identifier: Apache-2.0
"""`make distros`: packages of each system, verdicts, and the step of docs/installation.md."""

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from test_dependencies import BASE, EXTRAS, PROJECT, named

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "distros"))

import distros  # noqa: E402 - found through the line above

_TEXT = (ROOT / "tools/distros/ubuntu_24_04.txt").read_text()
PINS = dict(re.findall(r"^([\w-]+)==([\d.]+)", _TEXT, re.MULTILINE))
BESIDE = set(re.findall(r"^([\w-]+)[>=<]", distros.BESIDE_APT.read_text(), re.MULTILINE))


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_apts_packages_and_those_of_pip_are_complete() -> None:
    apt = {name.removeprefix("python3-") for name in distros.apt_packages()}
    names = {"opencv-python-headless": "opencv", "faiss-cpu": "faiss", "pyyaml": "yaml", "pillow": "pil"}
    wanted = {names.get(name, name) for name in BASE | named(EXTRAS["lab"])} - {
        "affine"
    }  # comes with rasterio
    assert wanted <= apt | BESIDE
    assert BASE | named(EXTRAS["lab"]) <= set(PINS) | BESIDE
    assert not any(name.endswith("-pip") for name in apt)


def test_no_requirement_is_newer_than_ubuntus_package() -> None:
    floors = dict(re.findall(r"([\w-]+)>=([\d.]+)", " ".join([*PROJECT["dependencies"], *EXTRAS["lab"]])))
    assert {name for name in PINS if numbers(floors[name]) > numbers(PINS[name])} == set()


def test_the_installation_page_gives_the_tested_step() -> None:
    page = (ROOT / "docs/installation.md").read_text(encoding="utf-8")
    assert "python3 -m venv --system-site-packages" in page
    assert f"pip install -r src/geoloc/{distros.BESIDE_APT.relative_to(ROOT)}" in page


@pytest.mark.parametrize(
    ("fixes", "median_m", "said"),
    [
        (50, 1.5, "50 of 60, 1.5 m"),
        (29, 1.5, "FAILED (29 of 60, 1.5 m)"),
        (50, 40.0, "FAILED (50 of 60, 40.0 m)"),
    ],
)
def test_a_flight_with_few_or_wrong_fixes_fails(
    fixes: int, median_m: float, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fly(_venv: object, _log: str, *words: str | Path) -> bool:
        report = Path(words[words.index("--out") + 1]) / "report"
        report.mkdir(parents=True)
        figures = {"fixes": fixes, "frames": 60, "availability": fixes / 60, "median_m": median_m}
        (report / "report.json").write_text(json.dumps({"summary": {"all": figures}}))
        return True

    monkeypatch.setattr(distros, "run", fly)
    assert distros.flight(SimpleNamespace(folder=tmp_path / "debian-12")) == said


def test_a_flight_without_a_fix_or_a_report_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distros, "run", lambda *_: False)
    assert distros.flight(SimpleNamespace(folder=tmp_path / "debian-12")) == "FAILED"


def test_debian_is_skipped_elsewhere_and_names_apts_missing_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(distros, "OUT", tmp_path)
    debian = distros.systems()[0]
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: {"ID": "arch", "PRETTY_NAME": "Arch"})
    assert distros.check(debian, lock=0, again=False)[-1] == "skipped"
    assert "this is Arch" in capsys.readouterr().err
    release = {"ID": "debian", "VERSION_ID": "12"}
    monkeypatch.setattr("platform.freedesktop_os_release", lambda: release)
    monkeypatch.setattr(distros, "is_installed", lambda name: name != "python3-scipy")
    assert distros.check(debian, lock=0, again=False)[-1] == "skipped"
    assert "run `sudo apt-get install python3-scipy` first" in capsys.readouterr().err
