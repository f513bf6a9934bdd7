# SPDX-License-Identifier: Apache-2.0
"""What `mode: release` makes of settings that are left at their defaults: what the authors' code does."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

_VALUES: dict[str, Any] = {
    "copies": 50,
    "clusters": {"reference_min_samples": 4},
    "memory": {"repeated": "sequence", "picture_rows": "raw"},
    "levels": {"keep": 0.7, "start": "zeros", "repeated": "last"},
    "evolution": {
        "reference_to_query": 0.55,
        "uniform_terms": "reference_to_query",
        "uniform_rows": "batch",
    },
    "enhancement": {"noise_length": 0.05 * 768**0.5, "renormalise": False, "smooth_within": "all"},
}


def released(config: Any, values: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ANN401
    """The release's values of the settings of a dataclass, nested ones too, that are at their defaults."""
    values = _VALUES if values is None else values
    changes = {}
    for entry in fields(config):
        found = getattr(config, entry.name)
        if is_dataclass(found) and entry.name in values:
            changes[entry.name] = replace(found, **released(found, values[entry.name]))
        elif entry.name in values and found == entry.default:
            changes[entry.name] = values[entry.name]
    return changes
