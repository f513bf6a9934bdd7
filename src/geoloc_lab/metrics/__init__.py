# SPDX-License-Identifier: Apache-2.0
"""How far off, how often, how sure, how slow: the figures of a flight, with their intervals."""
