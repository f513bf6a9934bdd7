# SPDX-License-Identifier: Apache-2.0
"""Reads models/*/model.yaml: the measurements of a model at its export and calibration."""

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
    """Read the card of a model; None without a card.

    Raises:
        FigureError: if a protocol does not have the form that `geoloc-train export` writes.
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
        "machine": "the machine that the notes of the card name",
    }
    reading.facts = {name: fact for name, fact in reading.facts.items() if fact}
    size_mb = sum(one.stat().st_size for one in folder.iterdir()) / 1e6
    reading.add("size", f"{size_mb:.0f} MB", "size of the model directory")
    reading.add("descriptor_size", str(card["architecture"]["descriptor_size"]), "length of a descriptor")
    if "steps" in training:
        reading.add("training.steps", str(training["steps"]), "number of steps of the last training run")
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
        reading.add(f"{key}.gallery", str(one["gallery"]), f"images in the gallery, {protocol}")
        rows.append((protocol, str(one["queries"]), str(one["gallery"]), *cells))
    reading.tables["recall"] = markdown_table(("protocol", "queries", "gallery", "R@1", "R@5"), rows)


def _protocol_key(protocol: str) -> str:
    """Return a key of label, city, yaw, unusual offset, distractors, such as `hog.chico.yaw_10.crowd`."""
    alone = protocol.removesuffix(_CROWD)
    found = _PROTOCOL.fullmatch(alone)
    if found is None:
        raise FigureError(f"the protocol {protocol!r} has an unknown form; extend read_cards.py.")
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
            f"{key}.lowest_cosine", f"{one['lowest_cosine']:.6f}", f"{backend} against torch: lowest cosine"
        )
        same = percent(one["top1_agreement"])
        reading.add(
            f"{key}.top1_agreement",
            same,
            f"{backend} against torch: same best tile",
        )
        reading.add(f"{key}.queries", str(one["queries"]), f"{backend} against torch: compared views")


def _add_thresholds(reading: Reading, calibration: Mapping[str, Any]) -> None:
    for name, meaning in (
        ("min_score", "lowest score of an accepted fix"),
        ("min_margin", "lowest margin of an accepted fix"),
        ("off_map_score", "score below which the drone is more likely off the map"),
        ("covariance_scale", "scale factor of the covariance"),
    ):
        if name in calibration:
            reading.add(f"calibration.{name}", f"{calibration[name]:g}", meaning)


def _add_calibration(reading: Reading, measured: Mapping[str, Any]) -> None:
    def add(key: str, text: str, meaning: str) -> None:
        reading.add(f"calibration.{key}", text, f"calibration: {meaning}")

    add("flights", str(len(measured["flights"])), "flights")
    add("frames", str(measured["frames"]), "frames")
    add("fixes", str(measured["fixes"]), "fixes")
    add("nees_before", f"{measured['nees']['before']:.2f}", "NEES before, 2 if the covariance is true")
    add("nees", f"{measured['nees']['after']:.2f}", "NEES after, 2 if the covariance is true")
    for sigma in measured["inside"]["after"]:
        add(f"inside_{sigma}", percent(measured["inside"]["after"][sigma]), f"fixes inside {sigma}σ, after")
    point = measured["operating_point"]
    add("false", str(point["false"]), "false fixes")
    add("upper_bound", percent(point["upper"], fine_below_one=True), "95 % upper bound of the false-fix rate")
    add("independent", f"{point['independent']:.0f}", "effective number of independent fixes")
    add("available", percent(point["available"]), "frames answered")
    target = measured["target"]
    add(
        "target",
        percent(target["false_share"], fine_below_one=True),
        "target for the upper bound",
    )
    add("beyond", f"{target['beyond_m']:g} m", "error from which a fix counts as false")
    add(
        "fixes_needed",
        str(measured["fixes_needed"]),
        "independent fixes needed to show the target",
    )
