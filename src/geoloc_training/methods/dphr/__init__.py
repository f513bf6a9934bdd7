# SPDX-License-Identifier: Apache-2.0
"""DPHR: hardness-aware reweighting around any host method (arXiv 2510.27181; constants reconstructed)."""
