# SPDX-License-Identifier: Apache-2.0
"""Calibrates a model's covariance and thresholds on evaluated flights."""
