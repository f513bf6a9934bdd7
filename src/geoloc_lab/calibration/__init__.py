# SPDX-License-Identifier: Apache-2.0
"""Calibration of a model's covariance and thresholds on evaluated flights."""
