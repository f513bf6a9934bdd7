# SPDX-License-Identifier: Apache-2.0
"""DPHR: hardness-aware reweighting beside any method."""
