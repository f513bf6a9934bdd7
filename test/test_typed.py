# SPDX-License-Identifier: Apache-2.0
"""A dataclass is built from a mapping that fits exactly, or refused in one sentence."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from geoloc.errors import MapError, ParameterError
from geoloc.typed import build, part_for, read_mapping


@dataclass(frozen=True)
class Round:
    name: str = "round"
    radius_m: float = 1.0


@dataclass(frozen=True)
class Square:
    name: str = "square"
    side_m: float = 1.0

    def __post_init__(self) -> None:
        if self.side_m <= 0:
            raise ParameterError(f"side_m={self.side_m} must be above 0.")


@dataclass(frozen=True)
class Part:
    weight: float
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Whole:
    count: int = 1
    open: bool = False
    size: tuple[float, float] = (1.0, 2.0)
    parts: tuple[Part, ...] = ()
    shape: Round | Square = field(default_factory=Round)
    extra: dict[str, Any] = field(default_factory=dict)


def test_lists_become_tuples_and_whole_numbers_floats():
    tree = {
        "size": [3, 4],
        "parts": [{"weight": 2, "tags": ["a", "b"]}],
        "shape": {"name": "square", "side_m": 5},
        "extra": {"a": [1]},
    }
    found = build(Whole, tree, ParameterError)
    assert found == Whole(
        size=(3.0, 4.0), parts=(Part(2.0, ("a", "b")),), shape=Square(side_m=5.0), extra={"a": [1]}
    )
    assert [type(value) for value in (*found.size, found.parts[0].weight)] == [float] * 3
    assert build(Whole, {"shape": {"radius_m": 2}}, ParameterError).shape == Round(radius_m=2.0)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({"cuont": 1}, "'cuont' is unknown; known: count, extra, open, parts, shape, size."),
        ({"count": "many"}, "'count' must be a whole number, found 'many'."),
        ({"count": True}, "'count' must be a whole number, found True."),
        ({"count": 1.5}, "'count' must be a whole number, found 1.5."),
        ({"open": 1}, "'open' must be true or false, found 1."),
        ({"size": [1]}, "'size' must be a list of 2 values, found [1]."),
        ({"size": "12"}, "'size' must be a list, found '12'."),
        ({"size": [1, float("inf")]}, "'size.1' must be a number, found inf."),
        ({"parts": [{"weight": 1}, {}]}, "'parts.1.weight' is missing."),
        ({"parts": [{"weight": 1, "tags": [3]}]}, "'parts.0.tags.0' must be text, found 3."),
        ({"parts": [3]}, "'parts.0' must be a mapping, found 3."),
        ({"shape": {"name": "oval"}}, "'shape.name' 'oval' is unknown; use round or square."),
        ({"shape": {"name": ["square"]}}, "'shape.name' '['square']' is unknown; use round or square."),
        ({"size": [1, 10**400]}, f"'size.1' must be a number, found {10**400}."),
        ({"shape": {"side_m": 1}}, "'shape.side_m' is unknown; known: name, radius_m."),
        ({"shape": "round"}, "'shape' must be a mapping with a name, found 'round'."),
        ({"shape": {"name": "square", "side_m": 0}}, "side_m=0.0 must be above 0."),
        ({"extra": {1: 2}}, "'extra' must be a mapping, found {1: 2}."),
        ([], "must be a mapping, found []."),
    ],
)
def test_what_does_not_fit_is_a_sentence_that_names_the_key(tree, sentence):
    with pytest.raises(ParameterError) as refused:
        build(Whole, tree, ParameterError)
    assert str(refused.value) == sentence


def test_a_sentence_names_file_key_and_fix():
    with pytest.raises(MapError) as refused:
        build(Part, {"weight": "x"}, MapError, where="a.yaml", key="data", fix="build it again")
    assert str(refused.value) == "a.yaml: 'data.weight' must be a number, found 'x'; build it again."
    with pytest.raises(MapError, match=r"^a.yaml: side_m=0.0 must be above 0; build it again.$"):
        build(Square, {"side_m": 0}, MapError, where="a.yaml", fix="build it again")


def test_the_part_of_a_mapping_that_a_dataclass_knows():
    assert part_for(Part, {"weight": 1, "notes": "much"}) == {"weight": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a: [1", "not valid YAML"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"- 1\n", "is not a card: it must hold a mapping"),
        (b"", "is not a card"),
        (b"a: 1\n" * 300_000, "larger than any card"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_holds_no_mapping_is_a_sentence(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "a.yaml").write_bytes(content)
    with pytest.raises(MapError, match=rf"a\.yaml .*{sentence}.*; fetch it again\.$") as refused:
        read_mapping(tmp_path / "a.yaml", MapError, "card", "fetch it again")
    assert "\n" not in str(refused.value)
