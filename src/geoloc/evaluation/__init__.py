# SPDX-License-Identifier: Apache-2.0
"""How far off, how often, how sure, how slow: bags, metrics and the report."""
