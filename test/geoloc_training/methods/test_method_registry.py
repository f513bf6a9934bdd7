# SPDX-License-Identifier: Apache-2.0
"""Choices, checks, sources and documentation of a method follow from its row in the registry."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

pytest.importorskip("torch")
pytest.importorskip("omegaconf")

from geoloc_training.compose import group_names, load_config
from geoloc_training.config import MethodConfig
from geoloc_training.methods.registry import METHODS, Takes

DOCS = Path(__file__).resolve().parents[3] / "docs" / "training.md"


@pytest.mark.parametrize("name", METHODS)
def test_a_row_names_settings_that_choose_it(name):
    row = METHODS[name]
    assert [field.default for field in fields(row.settings) if field.name == "name"] == [name]
    assert row.settings in get_args(MethodConfig)


@pytest.mark.parametrize("name", METHODS)
def test_pictures_without_pairs_come_from_the_methods_own_source(name):
    assert (METHODS[name].source is not None) == (METHODS[name].takes is Takes.PICTURES)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_a_preset_and_documentation(name):
    assert name in group_names("preset")
    assert load_config([f"preset={name}"]).method.name == name
    assert f"`{name}`" in DOCS.read_text(encoding="utf-8")
