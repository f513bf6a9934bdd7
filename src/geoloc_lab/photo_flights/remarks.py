# SPDX-License-Identifier: Apache-2.0
"""Puts remarks on many photos into few sentences."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_NAMED = 3


def few(names: Iterable[str]) -> str:
    """Return up to three names, or the first one and the number of the others."""
    every = list(names)
    return ", ".join(every) if len(every) <= _NAMED else f"{every[0]} and {len(every) - 1} other photos"


def grouped(told: Sequence[tuple[Path, str]], what: str) -> Iterator[str]:
    """Yield a sentence for each file; of more than three alike, the first one and a count.

    Args:
        told: files and the sentences about them; two are alike if they differ in the file's name only.
        what: what becomes of the files, such as "left out", which begins each sentence.
    """
    kinds: dict[str, list[str]] = {}
    for path, sentence in told:
        kinds.setdefault(sentence.replace(str(path), "").replace(path.name, ""), []).append(sentence)
    for sentences in kinds.values():
        shown = sentences if len(sentences) <= _NAMED else sentences[:1]
        for sentence in shown:
            yield f"{what}: {sentence}"
        if len(shown) < len(sentences):
            yield f"{what}: {len(sentences) - 1} more files, for the same reason."
