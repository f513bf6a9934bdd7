# SPDX-License-Identifier: Apache-2.0
"""Simulated flights that each test one difficulty, over prepared regions, checked against targets."""
