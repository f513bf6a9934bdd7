# SPDX-License-Identifier: Apache-2.0
"""Look a view up among a map's tiles, exhaustively, coarse to fine, or by an index."""
