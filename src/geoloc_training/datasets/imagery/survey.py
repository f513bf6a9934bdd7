# SPDX-License-Identifier: Apache-2.0
"""Result of a check of the user's own imagery: sentences about faults, and the amount of imagery."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from geoloc.errors import RasterError

_NAMED = 20

Result = TypeVar("Result")


@dataclass(frozen=True)
class Survey:
    """Faults and size of a folder of imagery.

    Attributes:
        findings: one sentence for each missing or malformed file.
        pictures: number of images.
        places: number of places; several images of a place are its dates.
    """

    findings: tuple[str, ...]
    pictures: int = 0
    places: int = 0


def surveyed(found: list[str], pictures: int, places: int) -> Survey:
    """Return a survey with the first findings and a sentence with the number of the others."""
    more = len(found) - _NAMED
    rest = [f"{more} more findings are not listed."] if more > 0 else []
    return Survey((*found[:_NAMED], *rest), pictures, places)


def attempt(found: list[str], work: Callable[..., Result], *values: object) -> Result | None:
    """Return the result of `work(*values)`; on a RasterError append its text to `found` and return None."""
    try:
        return work(*values)
    except RasterError as error:
        found.append(str(error))
        return None
