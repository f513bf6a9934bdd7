# SPDX-License-Identifier: Apache-2.0
"""A small synthetic checkout with the result files of the commands."""

import json
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools" / "figures"))

WHEN = 1_800_000_000  # 2027-01-15
SUMMARY: dict[str, Any] = {
    "frames": 180,
    "fixes": 177,
    "availability": 0.98333,
    "median_m": 1.0772,
    "mean_m": 1.24,
    "p90_m": 1.96,
    "p95_m": 2.16,
    "max_m": 9.71,
    "within_m": {"5": 0.97, "50": 0.98333},
    "within_pitch": 0.98,
    "within_tile": 0.98333,
    "recall_at_1": 0.79,
    "oracle_median_m": 8.83,
    "oracle_p95_m": 13.86,
    "pitch_m": 22.3,
    "tile_m": 90.0,
    "continuity": {
        "first_fix": {"frames": 3, "seconds": 1.5, "availability_after": 1.0},
        "longest_outage": {"seconds": 1.5},
    },
    "belief": {"nees": 2.03, "band_low": 0.99, "band_high": 3.36, "inside": {"1": 0.34, "2": 0.86, "3": 1.0}},
    "false_fixes": {
        "50": {"count": 0, "rate": 0.0, "high": 0.262},
        "100": {"count": 0, "rate": 0.0, "high": 0.262},
    },
    "latency_ms": {"image to geopoint": [110.0, 200.4]},
}
OUTCOME: dict[str, Any] = {
    "flights": 1,
    "frames": 100,
    "fixes": 82,
    "availability": 0.9111,
    "median_m": 1.284,
    "p95_m": 6.199,
    "false": {"50": 0.0, "100": 0.004},
    "frames_to_fix": 11.0,
    "inside": {"1": 0.317, "2": 0.854, "3": 1.0},
    "nees": 2.226,
    "nees_of_right": 2.226,
    "band": [1.229, 2.956],
    "back_s": [6.4],
    "targets": [{"figure": "median error", "measured": "1.3 m", "target": "≤ 8.0 m", "met": True}],
}
SILENT = OUTCOME | {
    "fixes": 0,
    "availability": 0.0,
    "median_m": None,
    "p95_m": None,
    "false": {"50": None, "100": None},
    "frames_to_fix": None,
    "inside": {"1": None, "2": None, "3": None},
    "nees": None,
    "band": [None, None],
    "back_s": [],
}


def put(root: Path, name: str, content: object) -> Path:
    """Write a text or JSON file with the modification time `WHEN`."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    os.utime(path, (WHEN, WHEN))
    return path


def put_report(root: Path, folder: str, **groups: dict[str, Any]) -> None:
    """Write the JSON file of a report: the summary of all frames, and of each group."""
    put(root, f"{folder}/report.json", {"summary": {"all": SUMMARY, **groups}})
