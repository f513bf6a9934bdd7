# SPDX-License-Identifier: Apache-2.0
"""A view among a map's tiles: which look like it, found exactly or by a coarse search."""
