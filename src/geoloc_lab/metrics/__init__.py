# SPDX-License-Identifier: Apache-2.0
"""The metrics of a flight: error, availability, consistency, risk and latency, with their intervals."""
