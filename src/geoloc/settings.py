# SPDX-License-Identifier: Apache-2.0
"""Settings, each declared once: on the frozen dataclass that uses it.

    @dataclass(frozen=True)
    class Limits:
        max_tilt_deg: float = setting(45.0, "largest tilt of a frame", unit="deg", low=0.0, high=80.0)

        def __post_init__(self) -> None:
            check(self)

    @dataclass(frozen=True)
    class NodeSettings:
        limits: Limits = group(Limits)
        use_tf: bool = setting(False, "take the mount from TF")

`settings_of(NodeSettings)` returns both by name, `max_tilt_deg` and `use_tf`: these are a node's ROS
parameters, what a parameter file may hold, and the rows of docs/parameters.md. `fill` builds the dataclasses
from values by name.
"""

import array
import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from geoloc.errors import ParameterError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
_SETTING, _GROUP = "setting", "group"
_KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """One declaration.

    Attributes:
        default: value where nobody gives one. A setting that must be given, such as `view_size_m`, has a
            default outside its range.
        text: what it means, in a few words.
        unit: as in "m/s"; empty for a number without one.
        low, high: range of a number, or of each number of a tuple, both inclusive; both None for any.
        choices: the texts it may be; empty for any.
        in_flight: whether it may change while the node runs.
        required: whether an empty text is refused.
    """

    default: Any
    text: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    in_flight: bool
    required: bool

    @property
    def text_with_unit(self) -> str:
        """The text, its unit in brackets behind it."""
        return f"{self.text} [{self.unit}]" if self.unit else self.text

    def allowed(self) -> str:
        """Return what is allowed in words, without the unit; empty where anything goes."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.required:
            return "not empty"
        return "" if self.low is None else f"{self.low:g} to {self.high:g}"

    def constraints(self) -> str:
        """Return what is allowed in words, numbers with their unit."""
        unit = f" {self.unit}" if self.unit and self.low is not None else ""
        return self.allowed() + unit

    def read(self, name: str, given: Any) -> Any:  # noqa: ANN401 - of the default's type
        """Return a value in the default's type.

        A whole number counts as a float and a list as a tuple. False counts as "off" where that is a choice:
        YAML reads it so without quotes.

        Raises:
            ParameterError: for a value of another type or outside the range.
        """
        value = "off" if given is False and "off" in self.choices else _like(self.default, given)
        if value is None or not self._admits(value):
            raise ParameterError(f"{name} is {given!r}; it must be {self._wanted()}")
        return value

    def _admits(self, value: Any) -> bool:  # noqa: ANN401
        if self.choices or self.required:
            return value in self.choices or (self.required and value != "")
        values = value if isinstance(value, tuple) else (value,)
        if self.low is None or self.high is None:
            return all(math.isfinite(item) for item in values if isinstance(item, float))
        return all(self.low <= item <= self.high for item in values)

    def _wanted(self) -> str:
        if isinstance(self.default, tuple):
            kind = f"a list of {len(self.default)} numbers"
        else:
            kind = _KINDS[type(self.default)]
        if self.low is not None:
            return f"{kind} from {self.constraints()}"
        if self.choices:
            return self.allowed()
        return f"{kind}, {self.allowed()}" if self.required else kind


def setting(
    default: Any,  # noqa: ANN401
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    in_flight: bool = False,
    required: bool = False,
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a setting as the field of a dataclass; the arguments are the attributes of `Setting`."""
    declared = Setting(default, text, unit, low, high, choices, in_flight, required)
    return dataclasses.field(default=default, metadata={_SETTING: declared})


def group(kind: type[Kind]) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a dataclass of settings as the field of another one, whose settings then include its own."""
    return dataclasses.field(default_factory=kind, metadata={_GROUP: kind})


def settings_of(kind: "type[DataclassInstance]") -> dict[str, Setting]:
    """Return the settings of a dataclass and of its groups by name; other fields are left out.

    Two groups may hold the same setting, and both get its value.

    Raises:
        TypeError: where two settings of one name are declared differently.
    """
    found: dict[str, Setting] = {}
    for field in dataclasses.fields(kind):
        own: dict[str, Setting] = {}
        if _SETTING in field.metadata:
            own = {field.name: field.metadata[_SETTING]}
        elif _GROUP in field.metadata:
            own = settings_of(field.metadata[_GROUP])
        for name, declared in own.items():
            if found.setdefault(name, declared) != declared:
                raise TypeError(f"{kind.__name__} has two different settings named {name}")
    return found


def check(instance: "DataclassInstance") -> None:
    """Bring the settings of a new instance to their types, in `__post_init__`; groups check their own.

    Raises:
        ParameterError: for a value of another type or outside its range.
    """
    for field in dataclasses.fields(instance):
        if _SETTING in field.metadata:
            value = field.metadata[_SETTING].read(field.name, getattr(instance, field.name))
            object.__setattr__(instance, field.name, value)


def fill(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Return an instance whose settings, and those of its groups, have the values of their names.

    Settings without a value keep their default; names that are no setting are ignored.

    Raises:
        ParameterError: for a value that cannot be used.
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if _GROUP in field.metadata:
            given[field.name] = fill(field.metadata[_GROUP], values)
        elif _SETTING in field.metadata and field.name in values:
            given[field.name] = values[field.name]
    return kind(**given)


def _like(default: Any, given: Any) -> Any:  # noqa: ANN401
    """Return the value in the default's type, None where that would change its meaning."""
    if isinstance(default, tuple):
        if not isinstance(given, Sequence | array.array) or len(given) != len(default):
            return None
        items = tuple(_like(like, item) for like, item in zip(default, given, strict=True))
        return None if None in items else items
    if isinstance(default, bool | str):
        return given if isinstance(given, type(default)) else None
    number = numbers.Real if isinstance(default, float) else numbers.Integral
    if isinstance(given, bool) or not isinstance(given, number):
        return None
    return type(default)(given)
