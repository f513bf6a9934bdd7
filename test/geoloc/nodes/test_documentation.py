# SPDX-License-Identifier: Apache-2.0
"""The README's table of parameters is what the nodes declare."""

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")

from geoloc.nodes import settings
from geoloc_lab.nodes import settings as lab_settings

README = Path(__file__).parents[3] / "README.md"
TABLES = {
    "camera_node": settings.CameraParameters,
    "inference_node": settings.InferenceParameters,
    "retrieval_node": settings.RetrievalParameters,
    "evaluation_node": lab_settings.EvaluationParameters,
    "replay_node": lab_settings.ReplayParameters,
}


def row(node: str, field: "dataclasses.Field[object]") -> str:
    specification = field.metadata["parameter"]
    default = list(field.default) if isinstance(field.default, tuple) else field.default
    shown = "" if default == "" else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    return (
        f"| `{node}` | `{field.name}` | {shown} | {specification.allowed()} | {specification.description} |"
    )


@pytest.mark.parametrize("node", TABLES)
def test_the_readme_tells_every_parameter_as_it_is_declared(node: str) -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    missing = [
        row(node, field) for field in dataclasses.fields(TABLES[node]) if row(node, field) not in lines
    ]
    assert not missing, "\n".join(missing)
