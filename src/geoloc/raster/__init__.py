# SPDX-License-Identifier: Apache-2.0
"""Georeferenced images: GeoTIFF, picture with bounds, XYZ tiles, seen in a local north-up frame."""
