# SPDX-License-Identifier: Apache-2.0
"""Measurement and simulation: bags, metrics, reports, calibration, scenarios, real and simulated flights."""
