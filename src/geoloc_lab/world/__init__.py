# SPDX-License-Identifier: Apache-2.0
"""The procedural landscape: a plan of town and country from a seed, rendered at several dates."""
