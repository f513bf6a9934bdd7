# SPDX-License-Identifier: Apache-2.0
"""What a look through imagery of one's own found: faults in sentences, and how much there is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from geoloc.errors import RasterError

_NAMED = 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class Survey:
    """What was found.

    Attributes:
        findings: sentences about what is missing or malformed.
        pictures: how many there are.
        places: how many places they show; several pictures of one are its dates.
    """

    findings: tuple[str, ...]
    pictures: int = 0
    places: int = 0


def surveyed(found: list[str], pictures: int, places: int) -> Survey:
    """Return a survey with the first findings, and how many more there are."""
    more = len(found) - _NAMED
    rest = [f"{more} more of the kind."] if more > 0 else []
    return Survey((*found[:_NAMED], *rest), pictures, places)


def attempt(found: list[str], work: Callable[..., Result], *values: object) -> Result | None:
    """Return what the work gives, or None with the sentence of its error added to `found`."""
    try:
        return work(*values)
    except RasterError as error:
        found.append(str(error))
        return None
