# SPDX-License-Identifier: Apache-2.0
"""Build frozen dataclasses from YAML, with strict types and errors that name the key.

Model cards, map manifests and configurations of training runs are read with it. dacite fills in defaults,
finds missing keys and tracks the path of each key. This module checks values more strictly than dacite: a
bool is not a number, a list has the length of its tuple, and numbers are finite.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import dacite
import yaml
from dacite.exceptions import DaciteFieldError, MissingValueError

from geoloc.errors import GeolocError, clause

_T = TypeVar("_T")
_MAX_BYTES = 1_000_000
_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", dict: "a mapping"}


def read_mapping(path: Path, error: type[GeolocError], what: str, fix: str) -> dict[str, Any]:
    """Read a YAML file that holds a mapping.

    Args:
        path: path of the file.
        error: exception to raise if the file cannot be read.
        what: kind of file that is expected, such as "model card".
        fix: end of the sentence, which says what to do about a damaged file.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise error(f"{path} is larger than any {what}; {fix}.")
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise error(f"{path} cannot be read ({reason.strerror}); {fix}.") from reason
    except (yaml.YAMLError, UnicodeDecodeError) as reason:
        said = " ".join(clause(reason).split())
        raise error(f"{path} is damaged: it is not valid YAML ({said}); {fix}.") from reason
    if not isinstance(tree, dict):
        raise error(f"{path} is not a {what}: it must hold a mapping of keys to values; {fix}.")
    return tree


def part_for(kind: type, tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries of a mapping whose keys are fields of a dataclass."""
    return {entry.name: tree[entry.name] for entry in fields(kind) if entry.name in tree}


def build(
    kind: type[_T], tree: object, error: type[GeolocError], *, where: str = "", key: str = "", fix: str = ""
) -> _T:
    """Build a frozen dataclass from a mapping, such as the content of a YAML file.

    Fields may be int, float, str, bool, dict, dataclasses, tuples of these, and unions of dataclasses. The
    field `name` selects the dataclass of a union; without a name the first one is taken. Whole numbers are
    accepted as floats, and lists become tuples.

    Args:
        kind: dataclass to build.
        tree: mapping of field names to values.
        error: exception to raise if the mapping does not fit.
        where: beginning of the sentence, such as the path of the file.
        key: path of the mapping within the file; empty if it is the whole file.
        fix: end of the sentence, which says what to do.

    Raises:
        GeolocError: an `error` for an unknown or missing key or a value of the wrong type, and any error that
            a dataclass raises itself.
    """
    try:
        return _dataclass(kind, tree)
    except DaciteFieldError as refused:
        path = ".".join(part for part in (key, refused.field_path) if part)
        said = "is missing" if isinstance(refused, MissingValueError) else str(refused)
        raise error(_sentence(where, f"'{path}' {said}" if path else said, fix)) from refused
    except GeolocError as refused:
        if not where:
            raise
        raise error(_sentence(where, clause(refused), fix)) from refused


class _Refused(DaciteFieldError):  # noqa: N818 - dacite's family
    """A refused value; dacite adds the names of the fields on the way up to the root."""

    def __init__(self, said: str, field_path: str | None = None) -> None:
        super().__init__(field_path=field_path)
        self._said = said

    def __str__(self) -> str:
        return self._said


def _sentence(where: str, said: str, fix: str) -> str:
    return (f"{where}: " if where else "") + said + (f"; {fix}." if fix else ".")


def _dataclass(kind: type[_T], tree: Any) -> _T:  # noqa: ANN401 - straight from YAML
    if not isinstance(tree, Mapping):
        raise _Refused(f"must be a mapping, found {tree!r}")
    known = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    for name in tree:
        if name not in known:
            raise _Refused(f"is unknown; known: {', '.join(sorted(known))}", str(name))
    hooks: dict[Any, Callable[[Any], Any]] = {
        hint: partial(_value, hint) for hint in get_type_hints(kind).values()
    }
    return dacite.from_dict(kind, tree, dacite.Config(type_hooks=hooks, check_types=False))


def _value(hint: Any, value: Any) -> Any:  # noqa: ANN401
    """Convert a value to its field's type, or refuse it."""
    if isinstance(hint, type) and is_dataclass(hint):
        return value if isinstance(value, hint) else _dataclass(hint, value)
    if get_origin(hint) in (Union, UnionType):
        return _chosen(get_args(hint), value)
    if get_origin(hint) is tuple:
        return _tuple(get_args(hint), value)
    kind = get_origin(hint) or hint
    accepted = (int, float) if kind is float else kind
    fits = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    if kind is float:
        fits = fits and _is_finite(value)
    elif kind is dict:
        fits = fits and all(isinstance(key, str) for key in value)
    if not fits:
        raise _Refused(f"must be {_WORDS.get(kind, kind.__name__)}, found {value!r}")
    return float(value) if kind is float else value


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False


def _chosen(kinds: tuple[type, ...], value: Any) -> Any:  # noqa: ANN401
    """Build the dataclass of a union that the field `name` selects."""
    if isinstance(value, kinds):
        return value
    if not isinstance(value, Mapping):
        raise _Refused(f"must be a mapping with a name, found {value!r}")
    known = {next(entry.default for entry in fields(kind) if entry.name == "name"): kind for kind in kinds}
    name = value.get("name", next(iter(known)))
    if not isinstance(name, str) or name not in known:
        raise _Refused(f"'{name}' is unknown; use {_either(list(map(str, known)))}", "name")
    return _dataclass(known[name], value)


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:  # noqa: ANN401
    if not isinstance(value, list | tuple):
        raise _Refused(f"must be a list, found {value!r}")
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(value)
    if len(kinds) != len(value):
        raise _Refused(f"must be a list of {len(kinds)} values, found {value!r}")
    pairs = zip(kinds, value, strict=True)
    return tuple(_item(kind, item, number) for number, (kind, item) in enumerate(pairs))


def _item(kind: Any, item: Any, number: int) -> Any:  # noqa: ANN401
    try:
        return _value(kind, item)
    except DaciteFieldError as refused:
        refused.update_path(str(number))
        raise


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
