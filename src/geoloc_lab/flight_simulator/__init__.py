# SPDX-License-Identifier: Apache-2.0
"""Simulates flights over any raster: trajectory, camera and sensor errors, recorded as a bag."""
