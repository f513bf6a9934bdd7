# SPDX-License-Identifier: Apache-2.0
"""The search for a view among a map's tiles: exhaustive, coarse to fine, or by an index."""
