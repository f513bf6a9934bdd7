# SPDX-License-Identifier: Apache-2.0
"""DPHR: hardness-aware reweighting beside any method (arXiv 2510.27181; constants reconstructed)."""
