# SPDX-License-Identifier: Apache-2.0
"""Adaptation of an encoder to one region, from its map and unlabelled footage."""
