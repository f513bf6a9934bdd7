# SPDX-License-Identifier: Apache-2.0
"""How settings refuse what cannot be: a condition and the sentence that is raised where it does not hold."""

from geoloc.errors import ParameterError


def require(condition: bool, sentence: str) -> None:
    """Raise `ParameterError` with the sentence where the condition does not hold."""
    if not condition:
        raise ParameterError(sentence)


def require_choice(settings: object, where: str, name: str, *known: str) -> None:
    """Refuse a setting that is not one of the known words; `where` is the key of its section."""
    value = getattr(settings, name)
    require(value in known, f"{where}.{name} '{value}' is unknown; use {either(known)}.")


def either(names: tuple[str, ...] | list[str]) -> str:
    """Return names as a choice: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
