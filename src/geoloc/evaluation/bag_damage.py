# SPDX-License-Identifier: Apache-2.0
"""What reading a damaged recording raises.

rosbags passes on what its file formats, databases and decompressors raise on damaged bytes. The list was
found by cutting and scrambling mcap and sqlite3 bags; some of the classes live in packages that only some
versions of rosbags use.
"""

import importlib
import sqlite3
import struct

from rosbags.highlevel import AnyReaderError
from rosbags.rosbag2 import ReaderError
from rosbags.serde import SerdeError


def _from_packages(*names: tuple[str, str]) -> tuple[type[Exception], ...]:
    """Return the named classes of those packages that are installed."""
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
