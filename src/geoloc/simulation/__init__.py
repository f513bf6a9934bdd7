# SPDX-License-Identifier: Apache-2.0
"""A procedural world seen at two dates, and a camera flown over it or over any raster."""
