# SPDX-License-Identifier: Apache-2.0
"""The Fast DDS profile of a camera driver's process: a shared-memory segment that holds large pictures."""

from pathlib import Path

_PROFILE = Path(__file__).resolve().parents[2] / "config/fastdds.xml"


def profile_environment() -> dict[str, str]:
    """Return the variables by which Fast DDS 2 and 3 find the profile."""
    return {"FASTDDS_DEFAULT_PROFILES_FILE": str(_PROFILE), "FASTRTPS_DEFAULT_PROFILES_FILE": str(_PROFILE)}
