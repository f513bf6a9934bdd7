# SPDX-License-Identifier: Apache-2.0
"""Section DDS: settings that decide whether ROS 2 messages arrive."""

import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from geoloc.doctor.report import Entry, note, ok, problem
from geoloc.errors import clause

_FORMS = {
    "RMW_IMPLEMENTATION": (r"rmw_\w+", "a name such as rmw_fastrtps_cpp"),
    "ROS_DOMAIN_ID": (r"\d|[1-9]\d|1\d\d|2[0-2]\d|23[0-2]", "a number from 0 to 232"),
    "ROS_LOCALHOST_ONLY": (r"[01]", "0 or 1"),
    "ROS_AUTOMATIC_DISCOVERY_RANGE": (
        r"SUBNET|LOCALHOST|OFF|SYSTEM_DEFAULT",
        "SUBNET, LOCALHOST, OFF or SYSTEM_DEFAULT",
    ),
}
_FILES = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE", "CYCLONEDDS_URI")
_KERNEL_DEFAULT_BYTES = 212_992
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder that Fast DDS uses
_SEGMENT_BYTES = 512 * 1024  # size of the segment that Fast DDS creates for each participant
_PARTICIPANTS = 8
_GROUP, _TIMEOUT_S = "239.255.0.1", 0.5


def dds_entries() -> Iterator[Entry]:
    """Yield environment variables of ROS 2 and DDS, socket buffers, shared memory and multicast."""
    for name, (form, wanted) in _FORMS.items():
        yield _value_entry(name, os.environ.get(name, ""), form, wanted)
    peers = "set" if os.environ.get("ROS_STATIC_PEERS") else "not set"
    yield ok(f"ROS_STATIC_PEERS is {peers}")
    for name in _FILES:
        yield _file_entry(name, os.environ.get(name, ""))
    for name in ("rmem_max", "wmem_max"):
        yield _buffer_entry(name)
    yield _shared_memory_entry()
    yield _multicast_entry()


def _value_entry(name: str, value: str, form: str, wanted: str) -> Entry:
    if not value:
        return ok(f"{name} is not set")
    if re.fullmatch(form, value) is None:  # the value is not shown, because it could be private
        return problem(f"{name} is set, but not to {wanted}; correct it, or unset it.")
    if name == "ROS_LOCALHOST_ONLY":
        return note(f"{name}={value} is deprecated; set ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST instead.")
    return ok(f"{name}={value}")


def _file_entry(name: str, value: str) -> Entry:
    if not value:
        return ok(f"{name} is not set")
    if value.lstrip().startswith("<"):
        return ok(f"{name} is set, as inline XML")
    file = Path(value.removeprefix("file://"))
    if not file.is_file():
        return problem(f"{name} names the file {file.name}, which does not exist; correct it, or unset it.")
    return ok(f"{name} is set, and its file {file.name} exists")


def _buffer_entry(name: str) -> Entry:
    try:
        size = int(Path("/proc/sys/net/core", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return note(f"net.core.{name} cannot be read.")
    if size <= _KERNEL_DEFAULT_BYTES:
        return note(
            f"net.core.{name} is {size} bytes, the kernel's default, and large images over UDP may be lost; "
            f"run `sudo sysctl -w net.core.{name}=2147483647`, as in the DDS tuning guide of ROS 2."
        )
    return ok(f"net.core.{name} is {size} bytes")


def _shared_memory_entry() -> Entry:
    try:
        free = os.statvfs(_SHARED_MEMORY)
    except OSError:
        return note(f"shared memory ({_SHARED_MEMORY.name}) does not exist; Fast DDS uses UDP instead.")
    size = free.f_bavail * free.f_frsize
    text = f"shared memory for Fast DDS has {size / 2**20:.0f} MiB free"
    if size < _PARTICIPANTS * _SEGMENT_BYTES:
        return problem(
            f"{text}, which is too little; free some of it, or start the container with --shm-size=256m."
        )
    return ok(text)


def _multicast_entry() -> Entry:
    """Send a multicast datagram to this machine; its time to live of 0 keeps it from leaving the machine."""
    try:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(("", 0))
            member = struct.pack("4s4s", socket.inet_aton(_GROUP), socket.inet_aton("0.0.0.0"))  # noqa: S104
            receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            receiver.settimeout(_TIMEOUT_S)
            sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
            sender.sendto(b"geoloc", (_GROUP, receiver.getsockname()[1]))
            receiver.recv(16)
    except OSError as error:
        return note(
            f"multicast does not work on this machine ({clause(error.strerror or error)}), and nodes may "
            "not find each other; run `sudo ip link set lo multicast on`, or set ROS_STATIC_PEERS."
        )
    return ok("multicast works on this machine")
