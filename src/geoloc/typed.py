# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses from YAML: every key known, every value of its field's type, every error a sentence.

Model cards, map manifests and training configurations are read with it. A bool does not count as a number, a
list must have the length of its tuple, and a number must be finite.
"""

import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from geoloc.errors import GeolocError

_T = TypeVar("_T")
_MAX_BYTES = 1_000_000
_MAX_FLOAT = sys.float_info.max
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", dict: "a mapping"}


def read_mapping(path: Path, error: type[GeolocError], what: str, fix: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Args:
        path: the file.
        error: raised where it cannot be read.
        what: what the file should be, such as "model card".
        fix: what to do about a damaged file; ends the sentence.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise error(f"{path} is larger than any {what}; {fix}.")
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror}); {fix}.") from reason
    except (yaml.YAMLError, UnicodeDecodeError) as reason:
        said = " ".join(str(reason).split())
        raise error(f"{path} is damaged, it is not valid YAML ({said}); {fix}.") from reason
    if not isinstance(tree, dict):
        raise error(f"{path} is not a {what}, it must hold a mapping of keys to values; {fix}.")
    return tree


def part_for(kind: type, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a mapping that a dataclass has fields for."""
    return {entry.name: tree[entry.name] for entry in fields(kind) if entry.name in tree}


def build(
    kind: type[_T], tree: object, error: type[GeolocError], *, where: str = "", key: str = "", fix: str = ""
) -> _T:
    """Build a frozen dataclass from a mapping, such as YAML holds.

    Fields may be int, float, str, bool, dict, tuples of these or of dataclasses, dataclasses, and unions of
    dataclasses. The field `name` selects the dataclass of a union; without it the first one is taken. Whole
    numbers are accepted as floats, lists become tuples.

    Args:
        kind: the dataclass.
        tree: the mapping.
        error: raised where the mapping does not fit.
        where: begins the sentence, usually with the file.
        key: of the mapping in that file; empty for all of it.
        fix: what to do about it; ends the sentence.

    Raises:
        GeolocError: of the kind `error`, for an unknown or missing key or a value of the wrong type. Errors
            of the dataclasses themselves become of that kind only where `where` is given.
    """
    try:
        return _dataclass(kind, tree, key)
    except _Refused as refused:
        raise error(_sentence(where, str(refused), fix)) from refused
    except GeolocError as refused:
        if not where:
            raise
        raise error(_sentence(where, str(refused).rstrip("."), fix)) from refused


class _Refused(Exception):  # noqa: N818 - becomes an error of the caller's kind
    """A value that does not fit, and the key that leads to it."""

    def __init__(self, key: str, said: str) -> None:
        super().__init__(f"'{key}' {said}" if key else said)


def _sentence(where: str, said: str, fix: str) -> str:
    return (f"{where}: " if where else "") + said + (f"; {fix}." if fix else ".")


def _dataclass(kind: type[_T], tree: Any, key: str) -> _T:  # noqa: ANN401 - straight from YAML
    if not isinstance(tree, Mapping):
        raise _Refused(key, f"must be a mapping, found {tree!r}")
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    for name in tree:
        if name not in known:
            raise _Refused(_inside(key, name), f"is unknown; known: {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, entry in known.items():
        if name in tree:
            values[name] = _value(hints[name], tree[name], _inside(key, name))
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise _Refused(_inside(key, name), "is missing")
    return kind(**values)


def _value(hint: Any, value: Any, key: str) -> Any:  # noqa: ANN401
    """Return a value in the type of its field, or refuse it."""
    if isinstance(hint, type) and is_dataclass(hint):
        return value if isinstance(value, hint) else _dataclass(hint, value, key)
    if get_origin(hint) in (Union, UnionType):
        return _selected(get_args(hint), value, key)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value, key)
    kind = get_origin(hint) or hint
    accepted = (int, float) if kind is float else kind
    is_valid = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if kind is float:
        is_valid = is_valid and abs(value) <= _MAX_FLOAT
    elif kind is dict:
        is_valid = is_valid and all(isinstance(name, str) for name in value)
    if not is_valid:
        raise _Refused(key, f"must be {_WORDS.get(kind, kind.__name__)}, found {value!r}")
    return float(value) if kind is float else value


def _selected(kinds: tuple[type, ...], value: Any, key: str) -> Any:  # noqa: ANN401
    """Return one of several dataclasses, selected by the field `name`."""
    if isinstance(value, kinds):
        return value
    if not isinstance(value, Mapping):
        raise _Refused(key, f"must be a mapping with a name, found {value!r}")
    known = {next(entry.default for entry in fields(kind) if entry.name == "name"): kind for kind in kinds}
    name = value.get("name", next(iter(known)))
    if not isinstance(name, str) or name not in known:
        raise _Refused(_inside(key, "name"), f"'{name}' is unknown; use {_either(list(map(str, known)))}")
    return _dataclass(known[name], value, key)


def _tuple(kinds: tuple[Any, ...], value: Any, key: str) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise _Refused(key, f"must be a list, found {value!r}")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise _Refused(key, f"must be a list of {len(kinds)} values, found {value!r}")
    pairs = zip(kinds, value, strict=True)
    return tuple(_value(kind, item, _inside(key, number)) for number, (kind, item) in enumerate(pairs))


def _inside(key: str, name: object) -> str:
    return f"{key}.{name}" if key else str(name)


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
