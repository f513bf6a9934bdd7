# SPDX-License-Identifier: Apache-2.0
"""Errors embedded in another sentence leave it well-formed."""

import ast
from pathlib import Path

import pytest

import geoloc
from geoloc import errors
from geoloc.errors import CameraError, GeolocError, clause

ROOT = Path(geoloc.__file__).parents[1]
OURS = {
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, GeolocError)
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the focal length is 0; calibrate the camera.", "the focal length is 0; calibrate the camera"),
        ("no period", "no period"),
        ("OpenCV ends in a newline.\n", "OpenCV ends in a newline"),
    ],
)
def test_a_clause_has_no_final_period(text, expected):
    assert clause(text) == clause(CameraError(text)) == expected


def embedded_errors(tree):
    """Yield the lines of f-strings that continue after the text of one of our errors."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.type is None:
            continue
        caught = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
        for text in ast.walk(handler):
            if not (caught & OURS and isinstance(text, ast.JoinedStr)):
                continue
            for part in text.values[:-1]:
                if isinstance(part, ast.FormattedValue) and ast.unparse(part.value) == handler.name:
                    yield part.lineno


def test_our_errors_are_embedded_as_clauses():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in ROOT.rglob("*.py")
        for line in embedded_errors(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []
