# SPDX-License-Identifier: Apache-2.0
"""Global position from a camera and a satellite map, for drones that have lost GNSS."""

__version__ = "0.1.0"
