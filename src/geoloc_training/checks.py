# SPDX-License-Identifier: Apache-2.0
"""Checks of settings that raise `ParameterError`."""

from geoloc.errors import ParameterError


def require(condition: bool, sentence: str) -> None:
    """Raise `ParameterError` with the sentence if the condition is False."""
    if not condition:
        raise ParameterError(sentence)


def require_choice(settings: object, where: str, name: str, *known: str) -> None:
    """Raise `ParameterError` if a setting is not one of the known words; `where` is its section's key."""
    value = getattr(settings, name)
    require(value in known, f"{where}.{name} '{value}' is unknown; use {either(known)}.")


def either(names: tuple[str, ...] | list[str]) -> str:
    """Return the names joined as a choice: "a, b or c"."""
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))
