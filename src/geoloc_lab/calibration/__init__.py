# SPDX-License-Identifier: Apache-2.0
"""A model's covariance and operating point, measured on flights."""
