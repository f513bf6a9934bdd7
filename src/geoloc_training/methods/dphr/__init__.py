# SPDX-License-Identifier: Apache-2.0
"""DPHR, a hardness-aware reweighting added to any method (arXiv 2510.27181; constants reconstructed)."""
