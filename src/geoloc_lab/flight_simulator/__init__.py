# SPDX-License-Identifier: Apache-2.0
"""A camera flown over any raster, with the errors of real sensors."""
