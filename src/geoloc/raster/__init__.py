# SPDX-License-Identifier: Apache-2.0
"""Georeferenced imagery (GeoTIFF, image with bounds, XYZ tiles), read in a local frame, north up."""
