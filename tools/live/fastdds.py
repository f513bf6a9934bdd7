# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile of a camera driver's process: a shared-memory segment that holds large pictures."""

import tempfile
from pathlib import Path

_SHIPPED = Path(__file__).resolve().parents[2] / "config/fastdds.xml"
_PROFILE = """<?xml version="1.0" encoding="UTF-8"?>
<profiles xmlns="http://www.eprosima.com/XMLSchemas/fastRTPS_Profiles">
  <transport_descriptors>
    <transport_descriptor>
      <transport_id>shm</transport_id>
      <type>SHM</type>
      <segment_size>67108864</segment_size>
    </transport_descriptor>
    <transport_descriptor>
      <transport_id>udp</transport_id>
      <type>UDPv4</type>
    </transport_descriptor>
  </transport_descriptors>
  <participant profile_name="camera" is_default_profile="true">
    <rtps>
      <userTransports>
        <transport_id>shm</transport_id>
        <transport_id>udp</transport_id>
      </userTransports>
      <useBuiltinTransports>false</useBuiltinTransports>
    </rtps>
  </participant>
</profiles>
"""


def profile_environment() -> dict[str, str]:
    """Return the variables by which Fast DDS 2 and 3 find the profile."""
    file = _SHIPPED if _SHIPPED.is_file() else Path(tempfile.gettempdir()) / "geoloc-live-fastdds.xml"
    if file != _SHIPPED:
        file.write_text(_PROFILE, encoding="utf-8")
    return {"FASTDDS_DEFAULT_PROFILES_FILE": str(file), "FASTRTPS_DEFAULT_PROFILES_FILE": str(file)}
