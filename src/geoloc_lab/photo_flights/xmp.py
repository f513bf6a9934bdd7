# SPDX-License-Identifier: Apache-2.0
"""Reads the XMP packet of a DJI drone's photo: fields as attributes or as elements, with any prefix."""

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass, field

from geoloc.errors import clause

_DJI = "{http://www.dji.com/drone-dji/1.0/}"
_CREATOR = "{http://ns.adobe.com/xap/1.0/}CreatorTool"
_PACKET = re.compile(rb"<(?:([\w.-]+):)?xmpmeta\b.*?</(?:\1:)?xmpmeta\s*>", re.DOTALL)
_FRAME = re.compile(r"<\?xpacket.*?\?>", re.DOTALL)
_DECLARATION = re.compile(r"^\s*<\?xml.*?\?>", re.DOTALL)


@dataclass(frozen=True)
class DjiXmp:
    """Contents of an XMP packet.

    Attributes:
        numbers: DJI's fields that hold a finite number, by name, such as GimbalYawDegree.
        creator: the program that wrote the packet, "" if it is not named.
        faults: what could not be read, as clauses.
    """

    numbers: Mapping[str, float] = field(default_factory=dict)
    creator: str = ""
    faults: tuple[str, ...] = ()


def find_packet(data: bytes) -> bytes:
    """Return the first XMP packet in the bytes of a file that no reader of its format has found, else b""."""
    found = _PACKET.search(data)
    return found[0] if found else b""


def read_xmp(packet: bytes) -> DjiXmp:
    """Read a packet, UTF-8 or UTF-16; a damaged packet gives a fault and no numbers.

    A packet that declares a document type is refused, because its entities can expand without limit.
    """
    if not packet.strip(b"\0 \r\n\t"):
        return DjiXmp()
    text = _FRAME.sub("", _decoded(packet)).strip("\0\ufeff \r\n\t")
    text = _DECLARATION.sub("", text)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        return DjiXmp(faults=("its XMP packet declares a document type, which XMP does not have",))
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - has no document type, so no entities
    except ElementTree.ParseError as error:
        return DjiXmp(faults=(f"its XMP packet is damaged ({clause(str(error))})",))
    return _contents(root)


def _decoded(packet: bytes) -> str:
    if packet.startswith((b"\xff\xfe", b"\xfe\xff")):
        return packet.decode("utf-16", errors="replace")
    if packet[:1] == b"\0":
        return packet.decode("utf-16-be", errors="replace")
    if packet[1:2] == b"\0":
        return packet.decode("utf-16-le", errors="replace")
    return packet.decode("utf-8", errors="replace")


def _contents(root: ElementTree.Element) -> DjiXmp:
    numbers: dict[str, float] = {}
    faults = []
    creator = ""
    for element in root.iter():
        for name, value in (*element.attrib.items(), (element.tag, element.text or "")):
            if name == _CREATOR:
                creator = creator or value.strip()
            if not name.startswith(_DJI):
                continue
            short = name.removeprefix(_DJI)
            number = _number(value)
            if number is not None:
                numbers.setdefault(short, number)
            elif short.endswith(("Degree", "Altitude")) and value.strip():
                faults.append(f"{short} is {value.strip()!r}, not a finite number")
    return DjiXmp(numbers, creator, tuple(faults))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
