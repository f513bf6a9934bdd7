# SPDX-License-Identifier: Apache-2.0
"""Translates the exceptions that missing and damaged recordings raise into `BagError`.

rosbags does not wrap the exceptions that its file formats, databases and decompressors raise on damaged data.
The list of exceptions was found by truncating and scrambling mcap and sqlite3 bags. Some of the classes
belong to packages that only some versions of rosbags use.
"""

import importlib
import re
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rosbags.highlevel import AnyReaderError
from rosbags.rosbag2 import ReaderError
from rosbags.serde import SerdeError

from geoloc.errors import BagError, clause


def _from_packages(*names: tuple[str, str]) -> tuple[type[Exception], ...]:
    """Return the named classes from the packages that are installed."""
    found = []
    for package, name in names:
        try:
            found.append(getattr(importlib.import_module(package), name))
        except ImportError:
            continue
    return tuple(found)


DAMAGE: tuple[type[Exception], ...] = (
    AnyReaderError,
    ReaderError,
    SerdeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    OverflowError,
    MemoryError,  # a length field of gigabytes
    AssertionError,  # inside rosbags
    RuntimeError,  # lz4
    struct.error,
    sqlite3.Error,
    *_from_packages(("apsw", "Error"), ("backports.zstd", "ZstdError"), ("compression.zstd", "ZstdError")),
)

_FILES = (".mcap", ".db3")
_CUT_OFF = re.compile("magic|footer|truncated", re.IGNORECASE)


@contextmanager
def opening(bag: Path) -> Iterator[None]:
    """Translate exceptions raised inside the `with` while opening a bag into a `BagError` that names it.

    Raises:
        BagError: if the bag is missing, empty, damaged or not a bag.
    """
    if not bag.exists():
        raise BagError(
            f"there is no bag at {bag}; give the folder that holds metadata.yaml, or an .mcap file."
        )
    if bag.is_dir() and not any(bag.iterdir()):
        raise BagError(f"{bag} is an empty folder; give the folder that holds metadata.yaml.")
    try:
        yield
    except DAMAGE as error:
        raise BagError(f"{bag} cannot be read as a bag ({clause(error)}); {_remedy(bag, error)}.") from error


def damaged(bag: Path, count: int, error: Exception) -> BagError:
    """Return the error of a recording that ends or cannot be read after some messages."""
    files = sorted(bag.glob("*.mcap")) if bag.is_dir() else [bag]
    mcap = next((file.name for file in files if file.suffix == ".mcap"), "")
    mend = f"; run `mcap recover {mcap} -o whole.mcap`, or copy it again." if mcap else "; copy it again."
    return BagError(f"{bag} is truncated or damaged after {count} messages ({clause(error)}){mend}")


def _remedy(bag: Path, error: Exception) -> str:
    files = sorted(bag.iterdir()) if bag.is_dir() else [bag]
    file = next((file for file in files if file.suffix in _FILES), None)
    if file is not None and file.suffix == ".mcap" and _CUT_OFF.search(str(error)):
        return f"if the recorder was killed, run `mcap recover {file.name} -o whole.mcap`, else copy it again"
    if file is not None and bag.is_dir():
        return f"run `ros2 bag reindex {bag.name}`, or give the file {file.name} in it"
    return "reindex it or copy it again"
