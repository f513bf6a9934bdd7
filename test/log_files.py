# SPDX-License-Identifier: Apache-2.0
"""Write logs of autopilots byte by byte: a ULog of PX4 and a DataFlash log of ArduPilot, of one made flight.

The drone yaws at 6 degrees a second from north, banked by 5 degrees, and moves north at 1e-5 degrees a
second.
"""

import math
import struct

from scipy.spatial.transform import Rotation

START_UTC_S = 1_700_000_000.0
BOOT_S = 20.0
SECONDS = 60
LATITUDE_DEG, LONGITUDE_DEG = 47.397742, 8.545594
BANK_DEG, TURN_DEG_PER_S = 5.0, 6.0
HEIGHT_M = 50.0


def attitude(time_s):
    """Return roll, pitch, yaw in degrees."""
    return BANK_DEG, 0.0, TURN_DEG_PER_S * time_s


def latitude(time_s):
    return LATITUDE_DEG + 1e-5 * time_s


def height(time_s):
    """Return the height: on the ground for 10 s, then at HEIGHT_M."""
    return 0.0 if time_s < 10.0 else HEIGHT_M


def write_ulog(path, *, with_gps=True, distance=False):
    formats = [
        "vehicle_attitude:uint64_t timestamp;float[4] q;",
        "vehicle_global_position:uint64_t timestamp;double lat;double lon;float alt;",
        "vehicle_local_position:uint64_t timestamp;float z;float dist_bottom;uint8_t z_valid;"
        "uint8_t dist_bottom_valid;",
        "vehicle_gps_position:uint64_t timestamp;uint64_t time_utc_usec;uint8_t fix_type;",
        "distance_sensor:uint64_t timestamp;float current_distance;",
    ]
    data = b"ULog\x01\x12\x35\x01" + struct.pack("<Q", int(BOOT_S * 1e6))
    data += _ulog_message(b"B", bytes(40))
    data += b"".join(_ulog_message(b"F", text.encode()) for text in formats)
    for number, text in enumerate(formats):
        data += _ulog_message(b"A", struct.pack("<BH", 0, number) + text.partition(":")[0].encode())
    for tenth in range(SECONDS * 10):
        time_s = tenth / 10.0
        stamp = struct.pack("<Q", int((BOOT_S + time_s) * 1e6))
        roll, pitch, yaw = attitude(time_s)
        x, y, z, w = Rotation.from_euler("ZYX", [yaw, pitch, roll], degrees=True).as_quat()
        rows = [
            struct.pack("<4f", w, x, y, z),
            struct.pack("<ddf", latitude(time_s), LONGITUDE_DEG, 500.0),
            struct.pack("<ffBB", 3.0 - height(time_s), height(time_s) + 1.0, 1, 1),
        ]
        if with_gps:
            rows.append(struct.pack("<QB", int((START_UTC_S + time_s) * 1e6), 3))
        for number, row in enumerate(rows):
            data += _ulog_message(b"D", struct.pack("<H", number) + stamp + row)
        if distance:
            data += _ulog_message(b"D", struct.pack("<H", 4) + stamp + struct.pack("<f", height(time_s)))
    path.write_bytes(data)
    return path


def _ulog_message(kind, payload):
    return struct.pack("<Hc", len(payload), kind) + payload


_DATAFLASH = {
    # type: name, format, columns; the characters of a format are those of ArduPilot's LogStructure.h
    130: ("GPS", "QBIHBcLLeffffB", "TimeUS,Status,GMS,GWk,NSats,HDop,Lat,Lng,Alt,Spd,GCrs,VZ,Yaw,U"),
    131: ("ATT", "Qcccccc", "TimeUS,DesRoll,Roll,DesPitch,Pitch,DesYaw,Yaw"),
    132: ("POS", "QLLfff", "TimeUS,Lat,Lng,Alt,RelHomeAlt,RelOriginAlt"),
}
_SIZES = {"Q": 8, "B": 1, "I": 4, "H": 2, "c": 2, "L": 4, "e": 4, "f": 4}
_CODES = {"c": "h", "L": "i", "e": "i"}
_GPS_EPOCH_S, _LEAP_S, _WEEK_S = 315_964_800.0, 18.0, 604_800.0


def write_dataflash(path, *, with_position=True):
    data = _fmt(128, "FMT", "BBnNZ", "Type,Length,Name,Format,Columns", 89)
    for number, (name, form, columns) in _DATAFLASH.items():
        data += _fmt(number, name, form, columns, 3 + sum(_SIZES[each] for each in form))
    for tenth in range(SECONDS * 10):
        time_s = tenth / 10.0
        stamp = int((BOOT_S + time_s) * 1e6)
        place = (round(latitude(time_s) * 1e7), round(LONGITUDE_DEG * 1e7)) if with_position else (0, 0)
        if tenth % 2 == 0:
            gps_s = START_UTC_S + time_s + _LEAP_S - _GPS_EPOCH_S
            week, in_week_s = divmod(gps_s, _WEEK_S)
            data += _row(
                130, stamp, 3, round(in_week_s * 1e3), int(week), 12, 90, *place, 0, 1.0, 0.0, 0.0, 0.0, 1
            )
        roll, pitch, yaw = (round(angle * 100) for angle in attitude(time_s))
        yaw = (yaw + 18000) % 36000 - 18000
        data += _row(131, stamp, 0, roll, 0, pitch, 0, yaw)
        data += _row(132, stamp, *place, 500.0, height(time_s), height(time_s))
    path.write_bytes(data)
    return path


def _fmt(number, name, form, columns, length):
    return b"\xa3\x95\x80" + struct.pack(
        "<BB4s16s64s", number, length, name.encode(), form.encode(), columns.encode()
    )


def _row(number, *values):
    form = "".join(_CODES.get(each, each) for each in _DATAFLASH[number][1])
    return b"\xa3\x95" + bytes([number]) + struct.pack(f"<{form}", *values)


def heading_of(quaternion):
    """Return the bearing of a body's forward axis in east, north, up, degrees."""
    east, north, _ = Rotation.from_quat(quaternion).as_matrix()[:, 0]
    return math.degrees(math.atan2(east, north)) % 360.0
