# SPDX-License-Identifier: Apache-2.0
"""Metrics of a flight: errors, availability, consistency, risk and latency, with confidence intervals."""
