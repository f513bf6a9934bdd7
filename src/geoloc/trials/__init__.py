# SPDX-License-Identifier: Apache-2.0
"""Scenarios flown in simulation and held against targets: imagery, flights, figures, one table."""
