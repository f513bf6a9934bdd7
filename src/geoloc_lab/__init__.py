# SPDX-License-Identifier: Apache-2.0
"""Measures and simulates: bags, metrics, reports, calibration, scenarios, real and simulated flights."""
