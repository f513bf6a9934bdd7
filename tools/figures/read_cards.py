# SPDX-License-Identifier: Apache-2.0
"""Reads models/*/model.yaml: what was measured of a model when it was exported and calibrated."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from book import FigureError, key_of
from reading import Reading, markdown_table

from geoloc_lab.reports.text import percent

_CROWD = ", all other pictures as distractors"
_PROTOCOL = re.compile(
    r"(?:(?P<label>[^:]+): )?(?P<city>\w+) [\w→-]+, ±(?P<offset>[\d.]+) m, ±[\d.]+ ?%, yaw (?P<yaw>.+)"
)
_USUAL_OFFSET = "12"
_YAWS = {"known": "yaw_known", "unknown": "yaw_unknown", "unknown, 24 rotations searched": "yaw_searched"}


def read_card(folder: Path) -> Reading | None:
    """Read a model's card.

    Raises:
        FigureError: for a protocol that is not written as `geoloc-train export` writes it.
    """
    file = folder / "model.yaml"
    if not file.is_file():
        return None
    card, reading = yaml.safe_load(file.read_text(encoding="utf-8")), Reading([file])
    training, measured = card.get("training", {}), (card["calibration"].get("measured") or {})
    reading.facts = {
        "command": training.get("command", ""),
        "commit": str(training.get("commit", ""))[:9],
        "date": str(measured.get("date", "")),
        "machine": "on the machine that the card's notes name",
    }
    reading.facts = {name: fact for name, fact in reading.facts.items() if fact}
    size_mb = sum(one.stat().st_size for one in folder.iterdir()) / 1e6
    reading.add("size", f"{size_mb:.0f} MB", "size of the model's folder")
    reading.add("descriptor_size", str(card["architecture"]["descriptor_size"]), "numbers of a descriptor")
    if "steps" in training:
        reading.add("training.steps", str(training["steps"]), "steps of the last training run")
        reading.add("training.minutes", f"{training['minutes']} min", "duration of the last training run")
    _add_recall(reading, card.get("metrics", []))
    _add_backends(reading, card)
    _add_thresholds(reading, card["calibration"])
    if measured:
        _add_calibration(reading, measured)
    return reading


def _add_recall(reading: Reading, metrics: list[Mapping[str, Any]]) -> None:
    rows = []
    for one in metrics:
        key, protocol = _protocol_key(one["protocol"]), one["protocol"]
        cells = [percent(one[name]) for name in ("r1", "r5")]
        reading.share(f"{key}.r1", one["r1"], f"R@1, {protocol}")
        reading.share(f"{key}.r5", one["r5"], f"R@5, {protocol}")
        reading.add(f"{key}.queries", str(one["queries"]), f"queries, {protocol}")
        reading.add(f"{key}.gallery", str(one["gallery"]), f"pictures searched, {protocol}")
        rows.append((protocol, str(one["queries"]), str(one["gallery"]), *cells))
    reading.tables["recall"] = markdown_table(
        ("protocol", "queries", "pictures searched", "R@1", "R@5"), rows
    )


def _protocol_key(protocol: str) -> str:
    """Return `hog.claremont.yaw_10.crowd`, for example: label, city, yaw, unusual offset, distractors."""
    alone = protocol.removesuffix(_CROWD)
    found = _PROTOCOL.fullmatch(alone)
    if found is None:
        raise FigureError(f"the protocol {protocol!r} is of an unknown form: mend read_cards.py")
    label, city = found["label"] or "", key_of(found["city"])
    parts = [] if label.lower() in ("", f"{city} left out") else [key_of(label)]
    yaw = _YAWS.get(found["yaw"]) or "yaw_" + key_of(found["yaw"])
    parts += [city, yaw]
    parts += [] if found["offset"] == _USUAL_OFFSET else [f"offset_{key_of(found['offset'])}"]
    parts += ["crowd"] if alone != protocol else []
    return ".".join(parts)


def _add_backends(reading: Reading, card: Mapping[str, Any]) -> None:
    latency = dict(card.get("latency_ms", {}))
    conditions = latency.pop("conditions", "")
    for backend, ms in latency.items():
        reading.add(f"latency.{key_of(backend)}", f"{ms} ms", f"{backend}: {conditions}")
    for backend, one in card.get("parity_with_torch", {}).items():
        key = f"parity.{key_of(backend)}"
        reading.add(
            f"{key}.lowest_cosine", f"{one['lowest_cosine']:.6f}", f"{backend} beside torch: lowest cosine"
        )
        same = percent(one["top1_agreement"])
        reading.add(f"{key}.top1_agreement", same, f"{backend} beside torch: same first place")
        reading.add(f"{key}.queries", str(one["queries"]), f"{backend} beside torch: views compared")


def _add_thresholds(reading: Reading, calibration: Mapping[str, Any]) -> None:
    for name, meaning in (
        ("min_score", "least score of an answer"),
        ("min_margin", "least margin to the second place"),
        ("off_map_score", "score under which the drone is likelier off the map"),
        ("covariance_scale", "factor of the covariance"),
    ):
        if name in calibration:
            reading.add(f"calibration.{name}", f"{calibration[name]:g}", meaning)


def _add_calibration(reading: Reading, measured: Mapping[str, Any]) -> None:
    def add(key: str, text: str, meaning: str) -> None:
        reading.add(f"calibration.{key}", text, f"calibration: {meaning}")

    add("flights", str(len(measured["flights"])), "flights")
    add("frames", str(measured["frames"]), "frames")
    add("fixes", str(measured["fixes"]), "fixes")
    add("nees_before", f"{measured['nees']['before']:.2f}", "NEES before, 2 is honest")
    add("nees", f"{measured['nees']['after']:.2f}", "NEES after, 2 is honest")
    for sigma in measured["inside"]["after"]:
        add(f"inside_{sigma}", percent(measured["inside"]["after"][sigma]), f"fixes inside {sigma}σ, after")
    point = measured["operating_point"]
    add("false", str(point["false"]), "false fixes")
    add("upper_bound", percent(point["upper"], fine_below_one=True), "upper bound of the false-fix rate")
    add("independent", f"{point['independent']:.0f}", "fixes that are worth as much and independent")
    add("available", percent(point["available"]), "frames answered")
    target = measured["target"]
    add("target", percent(target["false_share"], fine_below_one=True), "wanted bound of the false-fix rate")
    add("beyond", f"{target['beyond_m']:g} m", "error from which a fix counts as false")
    add("fixes_needed", str(measured["fixes_needed"]), "independent fixes that would show the wanted bound")
