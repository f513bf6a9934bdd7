# SPDX-License-Identifier: Apache-2.0
"""Settings, each declared once, on the frozen dataclass that uses it.

    @dataclass(frozen=True)
    class Limits:
        max_tilt_deg: float = setting(45.0, "largest tilt of a frame", unit="deg", low=0.0, high=80.0)

        def __post_init__(self) -> None:
            check(self)

    @dataclass(frozen=True)
    class NodeSettings:
        limits: Limits = group(Limits)
        use_tf: bool = setting(False, "take the mount from TF")

`settings_of(NodeSettings)` returns both settings by name, `max_tilt_deg` and `use_tf`. They are the ROS
parameters of a node, the keys of a parameter file, and the rows of docs/parameters.md. `fill` builds the
dataclasses from values by name.
"""

import array
import dataclasses
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from geoloc.errors import ParameterError
from geoloc.paths import expanded_home

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kind = TypeVar("Kind", bound="DataclassInstance")
_SETTING, _GROUP = "setting", "group"
_KINDS = {float: "a number", int: "a whole number", str: "text", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """Declaration of one setting.

    Attributes:
        default: default value. A number that must be given, such as `view_size_m`, has a default outside its
            range.
        text: meaning of the setting, in a few words.
        unit: unit, such as "m/s"; empty if there is none.
        low, high: inclusive range of a number, or of each number of a tuple; None for any number.
        choices: allowed texts; empty for any text.
        in_flight: whether the value may change while the node runs.
        required: whether an empty text is refused.
        path: whether the text is a path, which may begin with ~.
    """

    default: Any
    text: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    in_flight: bool
    required: bool
    path: bool = False

    @property
    def text_with_unit(self) -> str:
        """The text, followed by the unit in brackets."""
        return f"{self.text} [{self.unit}]" if self.unit else self.text

    def allowed(self) -> str:
        """Return the allowed values in words, without the unit; empty if every value is allowed."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.required:
            return "not empty"
        return "" if self.low is None else f"{self.low:g} to {self.high:g}"

    def constraints(self) -> str:
        """Return the allowed values in words, with the unit."""
        unit = f" {self.unit}" if self.unit and self.low is not None else ""
        return self.allowed() + unit

    def read(self, name: str, given: Any) -> Any:  # noqa: ANN401 - of the default's type
        """Check a value and convert it to the default's type.

        A whole number is accepted as a float, and a list as a tuple. False is accepted as "off" and NaN as
        "nan" if those are choices, because YAML or ROS read the unquoted words so.

        Raises:
            ParameterError: if the value has another type or is outside the range.
        """
        word = "off" if given is False else "nan" if isinstance(given, float) and math.isnan(given) else ""
        value = word if word in self.choices else _like(self.default, given)
        if value is None or not self._admits(value):
            shown = list(given) if isinstance(given, array.array) else given
            raise ParameterError(f"{name} is {shown!r}; it must be {self._wanted()}.")
        return expanded_home(value) if self.path else value

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
    path: bool = False,
) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a setting as the field of a dataclass; the arguments are the attributes of `Setting`."""
    declared = Setting(default, text, unit, low, high, choices, in_flight, required, path)
    return dataclasses.field(default=default, metadata={_SETTING: declared})


def group(kind: type[Kind]) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Declare a dataclass of settings as a field of another dataclass, which then has its settings too."""
    return dataclasses.field(default_factory=kind, metadata={_GROUP: kind})


def settings_of(kind: "type[DataclassInstance]") -> dict[str, Setting]:
    """Return the settings of a dataclass and of its groups by name; other fields are omitted.

    Two groups may declare the same setting; both receive its value.

    Raises:
        TypeError: if two settings of one name are declared differently.
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
    """Check the settings of a new instance and convert them to their types; groups check their own.

    A dataclass of settings calls this in its `__post_init__`.

    Raises:
        ParameterError: if a value has another type or is outside its range.
    """
    for field in dataclasses.fields(instance):
        if _SETTING in field.metadata:
            value = field.metadata[_SETTING].read(field.name, getattr(instance, field.name))
            object.__setattr__(instance, field.name, value)


def fill(kind: type[Kind], values: Mapping[str, Any]) -> Kind:
    """Build a dataclass and its groups from values of settings by name.

    Settings without a value keep their default; names that are not settings are ignored.

    Raises:
        ParameterError: if a value has another type or is outside its range.
    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if _GROUP in field.metadata:
            given[field.name] = fill(field.metadata[_GROUP], values)
        elif _SETTING in field.metadata and field.name in values:
            given[field.name] = values[field.name]
    return kind(**given)


def _like(default: Any, given: Any) -> Any:  # noqa: ANN401
    """Convert a value to the default's type; return None if that would change its meaning."""
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
