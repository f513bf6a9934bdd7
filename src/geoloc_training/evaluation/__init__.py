# SPDX-License-Identifier: Apache-2.0
"""How well an encoder finds places: published tests of image sets, and tests across dates of the map set."""
